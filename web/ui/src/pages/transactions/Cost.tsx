import { Table, Text } from "@mantine/core";

import { useFormat } from "../../lib/format";
import type { TransactionInFull } from "./asking";
import { type Account, accountOf, type Line } from "./cost";
import { useText } from "./text";

/** What a transaction has cost, and of what that is made. */
export function Cost({ transaction }: { transaction: TransactionInFull }) {
  const text = useText();
  const account = accountOf(transaction.computed_from);
  if (transaction.cost === null || account === null) {
    return (
      <Text size="sm" c="dimmed">
        {transaction.state === "running" ? text.costAtEnd : text.noCost}
      </Text>
    );
  }
  return <Bill cost={transaction.cost} account={account} />;
}

function Bill({ cost, account }: { cost: NonNullable<TransactionInFull["cost"]>; account: Account }) {
  const text = useText();
  const format = useFormat();
  const { currency, version } = account;
  return (
    <>
      <Table horizontalSpacing={0} aria-label={text.cost}>
        <Table.Tbody>
          {account.lines.map((line) => (
            <Table.Tr key={line.kind}>
              <Table.Th scope="row" fw={450}>
                {nameOf(line.kind)}
                <Text size="xs" c="dimmed">
                  {howOf(line)}
                </Text>
              </Table.Th>
              <Table.Td ta="right" className="tabular" style={{ verticalAlign: "top" }}>
                {format.money(line.amount, currency, 4)}
              </Table.Td>
            </Table.Tr>
          ))}
          <Table.Tr>
            <Table.Th scope="row">{text.total}</Table.Th>
            <Table.Td ta="right" fw={650} className="tabular">
              {format.money(cost.amount, cost.currency)}
            </Table.Td>
          </Table.Tr>
        </Table.Tbody>
      </Table>
      <Text size="xs" c="dimmed" mt="xs">
        {text.tariff(account.tariff, version)}
        {account.unknown.map((what) => ` ${text.notCharged(nameOf(what))}`).join("")}
      </Text>
    </>
  );

  function nameOf(kind: string): string {
    const names: Record<string, string> = text.kinds;
    return names[kind] ?? kind;
  }

  /** Return how an amount comes about: "11.3 kWh × €0.40 / kWh". */
  function howOf({ kind, quantity, price }: Line): string {
    const priced = format.money(price, currency, 6);
    switch (kind) {
      case "energy":
        return `${format.number(quantity / 1000, 3)} kWh × ${priced}/kWh`;
      case "time":
      case "idle":
        return `${format.number(quantity / 60, 2)} min × ${priced}/min`;
      case "vat":
        return text.vatOf(format.number(price, 2), format.money(quantity, currency, 4));
      default:
        return "";
    }
  }
}
