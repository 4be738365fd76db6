import { NativeSelect } from "@mantine/core";
import { MomentInput } from "./MomentInput";
import { SPANS, spanName, type TimeSpan } from "./time-spans";

export interface TimeFilterProps {
  value: TimeSpan;
  onChange: (span: TimeSpan) => void;
}

export function TimeFilter({ value: { time, from, to }, onChange }: TimeFilterProps) {
  const span = spanName({ time, from, to });
  return (
    <>
      <NativeSelect
        aria-label="Time"
        value={span}
        onChange={(event) => onChange({ time: event.currentTarget.value, from: "", to: "" })}
        data={SPANS}
      />
      {span === "custom" && (
        <>
          <MomentInput
            label="From"
            value={from}
            onChange={(at) => onChange({ time: "custom", from: at, to })}
          />
          <MomentInput
            label="To"
            value={to}
            onChange={(at) => onChange({ time: "custom", from, to: at })}
          />
        </>
      )}
    </>
  );
}
