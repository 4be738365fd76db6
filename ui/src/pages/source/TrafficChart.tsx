import { Box, Group, Text, UnstyledButton } from "@mantine/core";
import { useDisclosure, useElementSize } from "@mantine/hooks";
import { useState } from "react";
import type { HourOfTraffic } from "../../api/types";
import { barsOf, gridOf, summaryOf, whenOf } from "./traffic";
import classes from "./TrafficChart.module.css";
import { TrafficTable } from "./TrafficTable";

const HEIGHT = 180;
const AXIS = 34;
const FOOT = 22;

/** Requests per hour, errors at the foot of each bar; the same as words and as a table. */
export function TrafficChart({ hours }: { hours: HourOfTraffic[] }) {
  const { ref, width } = useElementSize();
  const [pointed, setPointed] = useState<number | null>(null);
  const [tableShown, table] = useDisclosure(false);
  const quiet = hours.every((hour) => hour.requests === 0);
  const hour = pointed === null ? undefined : hours[pointed];

  return (
    <div>
      <Group gap="lg" mb="xs">
        <Legend swatch={classes.requestsSwatch} name="Requests" />
        <Legend swatch={classes.errorsSwatch} name="Errors" />
      </Group>
      <Box ref={ref} className={classes.plot} onMouseLeave={() => setPointed(null)}>
        {/* While the page takes shape, the box may be narrower than the axis alone. */}
        {width > AXIS && (
          <Plot hours={hours} width={width} pointed={pointed} onPoint={setPointed} />
        )}
        {quiet && <Text className={classes.quiet}>No requests in the last day</Text>}
      </Box>
      <Group justify="space-between" mt="xs" mih={24} wrap="nowrap">
        <Text size="sm" c="dimmed">
          {hour
            ? `${whenOf(hour)}: ${hour.requests} requests, ${hour.errors} errors, ${hour.changes} changes`
            : !quiet && summaryOf(hours)}
        </Text>
        <UnstyledButton
          className={classes.toggle}
          aria-expanded={tableShown}
          onClick={table.toggle}
        >
          {tableShown ? "Hide the table" : "Show as a table"}
        </UnstyledButton>
      </Group>
      {tableShown && <TrafficTable hours={hours} />}
    </div>
  );
}

function Legend({ swatch, name }: { swatch: string | undefined; name: string }) {
  return (
    <Group gap={6}>
      <span className={swatch} aria-hidden />
      <Text span size="sm" c="dimmed">
        {name}
      </Text>
    </Group>
  );
}

interface PlotProps {
  hours: HourOfTraffic[];
  width: number;
  pointed: number | null;
  onPoint: (index: number) => void;
}

function Plot({ hours, width, pointed, onPoint }: PlotProps) {
  const top = 8;
  const area = { left: AXIS, top, width: width - AXIS, height: HEIGHT - FOOT - top };
  const grid = gridOf(hours);
  const bars = barsOf(hours, area, grid.top);
  return (
    <svg width={width} height={HEIGHT} role="img" aria-label={summaryOf(hours)}>
      <defs>
        {/* Stripes: errors are told from requests without their colour. */}
        <pattern
          id="errors"
          width="6"
          height="6"
          patternUnits="userSpaceOnUse"
          patternTransform="rotate(45)"
        >
          <rect width="6" height="6" className={classes.errorsGround} />
          <rect width="2.5" height="6" className={classes.errorsStripe} />
        </pattern>
      </defs>
      {grid.lines.map((value) => {
        const y = area.top + area.height * (1 - value / grid.top);
        return (
          <g key={value}>
            <line x1={area.left} x2={width} y1={y} y2={y} className={classes.line} />
            <text x={area.left - 8} y={y + 4} textAnchor="end" className={classes.tick}>
              {value.toLocaleString("en", { notation: "compact" })}
            </text>
          </g>
        );
      })}
      {bars.map((bar, index) => (
        <g key={bar.start} data-pointed={pointed === index || undefined} className={classes.hour}>
          <rect
            x={bar.slot.x}
            y={area.top}
            width={bar.slot.width}
            height={area.height}
            className={classes.slot}
            onMouseEnter={() => onPoint(index)}
            onClick={() => onPoint(index)}
          />
          <rect {...bar.requests} rx={2} className={classes.requests} />
          <rect {...bar.errors} rx={2} fill="url(#errors)" pointerEvents="none" />
          {bar.label && (
            <text
              // The last one would stick out at the right.
              x={bar.slot.x + bar.slot.width / (index === bars.length - 1 ? 1 : 2)}
              y={HEIGHT - 4}
              textAnchor={index === bars.length - 1 ? "end" : "middle"}
              className={classes.tick}
            >
              {bar.label}
            </text>
          )}
        </g>
      ))}
    </svg>
  );
}
