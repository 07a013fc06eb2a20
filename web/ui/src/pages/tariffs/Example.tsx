import { NumberInput, Paper, SimpleGrid, Table, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, result } from "../../api/client";
import { useFormat } from "../../lib/format";
import { type Draft, pricesOf } from "./tariff";
import { useText } from "./text";

const FIELDS = ["energy", "hours", "idle"] as const;

/** What a transaction would cost by the prices of a draft, computed by the gateway as it will be. */
export function Example({ draft }: { draft: Draft }) {
  const text = useText();
  const format = useFormat();
  const [example, setExample] = useState({ energy: 20, hours: 2, idle: 0 });
  const query = {
    ...pricesOf(draft),
    currency: draft.currency.length === 3 ? draft.currency : null,
    energy: example.energy * 1000,
    seconds: example.hours * 3600,
    idle: example.idle * 60,
  };
  const [asked] = useDebouncedValue(JSON.stringify(query), 250);
  const found = useQuery({
    queryKey: ["tariffs", "example", asked],
    queryFn: ({ signal }) => {
      const { currency, vat, ...rest } = JSON.parse(asked) as typeof query;
      const given = { ...rest, currency: currency ?? undefined, vat: vat ?? undefined };
      return result(api.GET("/api/v1/tariffs/example", { params: { query: given }, signal }));
    },
    placeholderData: keepPreviousData,
    staleTime: Infinity,
  });
  return (
    <Paper p="sm" withBorder component="section" aria-label={text.example}>
      <Text size="sm" fw={600} mb="xs">
        {text.example}
      </Text>
      <SimpleGrid cols={{ base: 1, xs: 3 }} mb="xs">
        {FIELDS.map((name) => (
          <NumberInput
            key={name}
            size="xs"
            label={text[name]}
            value={example[name]}
            min={0}
            max={100_000}
            onChange={(value) => setExample((before) => ({ ...before, [name]: Number(value) || 0 }))}
          />
        ))}
      </SimpleGrid>
      {found.error !== null || found.data === undefined ? (
        <Text size="sm" c="dimmed">
          {text.priceless}
        </Text>
      ) : (
        <Table verticalSpacing={4} withRowBorders={false} aria-live="polite">
          <Table.Tbody>
            {found.data.lines.map((line) => (
              <Table.Tr key={line.kind}>
                <Table.Th scope="row" fw={400}>
                  {text.line[line.kind]}
                </Table.Th>
                <Table.Td ta="right" className="tabular">
                  {format.money(line.amount, found.data.cost.currency)}
                </Table.Td>
              </Table.Tr>
            ))}
            <Table.Tr>
              <Table.Th scope="row">{text.total}</Table.Th>
              <Table.Td ta="right" className="tabular" fw={650}>
                {format.money(found.data.cost.amount, found.data.cost.currency)}
              </Table.Td>
            </Table.Tr>
          </Table.Tbody>
        </Table>
      )}
    </Paper>
  );
}
