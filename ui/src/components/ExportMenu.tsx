// Exports a whole list, with the filters as they are, as CSV or JSON: pages through the API,
// shows how far it is, can be cancelled, then hands the browser a file.
//
//   <ExportMenu
//     name="users"
//     readPage={(cursor, signal) => readUsers({ ...filters, limit: 1000, cursor }, signal)}
//     columns={[{ header: "user_name", value: (user) => user.user_name }, …]}
//   />
import { Button, Group, Menu, Modal, Progress, Stack, Text } from "@mantine/core";
import { IconDownload, IconFileTypeCsv, IconJson } from "@tabler/icons-react";
import { useRef, useState } from "react";
import type { Page } from "../api/types";
import { type CsvValue, csvLine } from "./csv";
import { messageOf } from "./ErrorState";

export interface ExportMenuProps<Row> {
  /** Begins the file's name: "users" becomes users-2026-11-25.csv. */
  name: string;
  readPage: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<Row>>;
  columns: { header: string; value: (row: Row) => CsvValue }[];
  disabled?: boolean;
}

type Format = "csv" | "json";
type Progressing = { rows: number; total: number | null; error: unknown };

export function ExportMenu<Row>({ name, readPage, columns, disabled }: ExportMenuProps<Row>) {
  const [progress, setProgress] = useState<Progressing | null>(null);
  const cancel = useRef<AbortController>(null);

  const close = () => {
    cancel.current?.abort();
    setProgress(null);
  };

  const run = async (format: Format) => {
    const controller = new AbortController();
    cancel.current = controller;
    setProgress({ rows: 0, total: null, error: null });
    try {
      // Text is gathered page by page: a million rows as objects would weigh far more.
      const parts: string[] =
        format === "csv" ? [csvLine(columns.map((column) => column.header))] : ["["];
      let rows = 0;
      let cursor: string | undefined;
      do {
        const page = await readPage(cursor, controller.signal);
        const lines = page.items.map((row, index) =>
          format === "csv"
            ? csvLine(columns.map((column) => column.value(row)))
            : `${rows + index === 0 ? "" : ","}\n${JSON.stringify(row)}`,
        );
        parts.push(lines.join(""));
        rows += page.items.length;
        cursor = page.next ?? undefined;
        setProgress({ rows, total: page.total ?? null, error: null });
      } while (cursor !== undefined && !controller.signal.aborted);
      if (controller.signal.aborted) return;
      if (format === "json") parts.push("\n]\n");
      hand(parts, format, `${name}-${new Date().toISOString().slice(0, 10)}.${format}`);
      setProgress(null);
    } catch (error) {
      if (!controller.signal.aborted) setProgress((at) => ({ rows: 0, total: null, ...at, error }));
    }
  };

  return (
    <>
      <Menu position="bottom-end" width={200}>
        <Menu.Target>
          <Button
            variant="default"
            disabled={disabled}
            leftSection={<IconDownload size={16} aria-hidden />}
          >
            Export
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item
            leftSection={<IconFileTypeCsv size={16} aria-hidden />}
            onClick={() => void run("csv")}
          >
            All as CSV
          </Menu.Item>
          <Menu.Item
            leftSection={<IconJson size={16} aria-hidden />}
            onClick={() => void run("json")}
          >
            All as JSON
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Modal
        opened={progress !== null}
        onClose={close}
        title={`Exporting ${name}`}
        closeOnClickOutside={false}
      >
        {progress && <ExportProgress progress={progress} onCancel={close} />}
      </Modal>
    </>
  );
}

function ExportProgress({ progress, onCancel }: { progress: Progressing; onCancel: () => void }) {
  const { rows, total, error } = progress;
  const counted = new Intl.NumberFormat("en");
  return (
    <Stack>
      {error ? (
        <Text role="alert">
          The export stopped after {counted.format(rows)} rows, and no file was made.{" "}
          {messageOf(error)}
        </Text>
      ) : (
        <>
          <Progress
            value={total ? Math.min(100, (rows / total) * 100) : 100}
            animated={!total}
            aria-label="Rows read"
          />
          <Text size="sm" c="dimmed">
            {counted.format(rows)} {total ? `of ${counted.format(total)} ` : ""}rows read
          </Text>
        </>
      )}
      <Group justify="flex-end">
        <Button variant="default" onClick={onCancel}>
          {error ? "Close" : "Cancel"}
        </Button>
      </Group>
    </Stack>
  );
}

function hand(parts: string[], format: Format, fileName: string) {
  const type = format === "csv" ? "text/csv;charset=utf-8" : "application/json";
  // The byte order mark makes Excel read CSV as UTF-8.
  const content = format === "csv" ? ["\uFEFF", ...parts] : parts;
  const address = URL.createObjectURL(new Blob(content, { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
