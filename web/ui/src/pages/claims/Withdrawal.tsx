import { useMutation, useQueryClient } from "@tanstack/react-query";

import { api, result } from "../../api/client";
import { Confirm } from "../../components/Confirm";
import type { Claim } from "./columns";
import { useText } from "./text";

/** Asks whether a claim is to be withdrawn, and withdraws it. */
export function Withdrawal({ claim, onClose }: { claim: Claim; onClose: () => void }) {
  const text = useText();
  const client = useQueryClient();
  const { station, backend } = claim;
  const withdrawing = useMutation({
    mutationFn: () => {
      const path = { name: backend };
      return result(
        api.PATCH("/api/v1/backends/{name}/stations", { params: { path }, body: { remove: [station] } }),
      );
    },
    onSuccess: onClose,
    onSettled: () => client.invalidateQueries(),
  });
  return (
    <Confirm
      title={text.withdrawOf(station, backend)}
      action={text.doWithdraw}
      isOpen
      isRunning={withdrawing.isPending}
      error={withdrawing.error}
      onConfirm={() => withdrawing.mutate()}
      onClose={onClose}
    >
      {!claim.contested
        ? text.thenNobody(station)
        : claim.holds
          ? text.thenOther(station)
          : text.thenLeft(station)}
    </Confirm>
  );
}
