import { ScrollArea, Table, VisuallyHidden } from "@mantine/core";
import type { HourOfTraffic } from "../../api/types";
import { whenOf } from "./traffic";

export function TrafficTable({ hours }: { hours: HourOfTraffic[] }) {
  return (
    <ScrollArea.Autosize
      mah={300}
      mt="sm"
      viewportProps={{ tabIndex: 0, role: "region", "aria-label": "Requests by hour" }}
    >
      <Table stickyHeader fz="sm">
        <caption>
          <VisuallyHidden>Requests by hour</VisuallyHidden>
        </caption>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">Hour</Table.Th>
            <Table.Th scope="col" ta="right">
              Requests
            </Table.Th>
            <Table.Th scope="col" ta="right">
              Errors
            </Table.Th>
            <Table.Th scope="col" ta="right">
              Changes
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {hours.map((hour) => (
            <Table.Tr key={hour.start}>
              <Table.Th scope="row" fw={400}>
                {whenOf(hour)}
              </Table.Th>
              <Table.Td ta="right">{hour.requests.toLocaleString("en")}</Table.Td>
              <Table.Td ta="right">{hour.errors.toLocaleString("en")}</Table.Td>
              <Table.Td ta="right">{hour.changes.toLocaleString("en")}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea.Autosize>
  );
}
