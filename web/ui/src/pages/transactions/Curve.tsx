import "uplot/dist/uPlot.min.css";

import { useComputedColorScheme } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useEffect, useRef } from "react";
import UPlot from "uplot";

import { type Format, useFormat } from "../../lib/format";
import type { Point } from "./curve";
import classes from "./Transactions.module.css";
import { useText } from "./text";

const HEIGHT = 260;

/** Power and energy over the time of a transaction. A table says the same to who cannot see it. */
export default function Curve({ points }: { points: readonly Point[] }) {
  const text = useText();
  const format = useFormat();
  const scheme = useComputedColorScheme("light");
  const { ref, width } = useElementSize();
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (place.current === null || width === 0) return;
    const data: UPlot.AlignedData = [
      points.map((point) => point.at),
      points.map((point) => point.power),
      points.map((point) => point.energy),
    ];
    const drawn = new UPlot(optionsOf(width, place.current, text, format), data, place.current);
    return () => drawn.destroy();
  }, [points, width, scheme, text, format]);
  return (
    <div ref={ref} style={{ minHeight: HEIGHT + 32 }} aria-hidden>
      <div ref={place} className={classes.plot} />
    </div>
  );
}

function optionsOf(
  width: number,
  near: Element,
  text: ReturnType<typeof useText>,
  format: Format,
): UPlot.Options {
  const style = getComputedStyle(near);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour("--mantine-color-dimmed"),
    grid: { stroke: colour("--vg-border"), width: 1 },
    ticks: { show: false },
    font: "11px Inter Variable",
  };
  const power = (value: number | null) => (value === null ? "–" : format.power(value));
  const energy = (value: number | null) => (value === null ? "–" : format.energy(value));
  const fromZero: UPlot.Range.Function = (_, __, most) => [0, Math.max((most || 0) * 1.1, 1)];
  const line = { width: 1.75, points: { show: false }, spanGaps: true };
  return {
    width,
    height: HEIGHT,
    scales: { W: { range: fromZero }, Wh: { range: fromZero } },
    series: [
      { label: text.time, value: (_, at: number | null) => (at === null ? "–" : format.time(at * 1000)) },
      {
        ...line,
        label: text.power,
        scale: "W",
        stroke: colour("--vg-warning"),
        value: (_, value: number | null) => power(value),
      },
      {
        ...line,
        label: text.energy,
        scale: "Wh",
        stroke: colour("--vg-accent"),
        fill: `color-mix(in srgb, ${colour("--vg-accent")} 12%, transparent)`,
        value: (_, value: number | null) => energy(value),
      },
    ],
    axes: [
      { ...axis, values: (_, times) => times.map((at) => format.time(at * 1000)), space: 90 },
      { ...axis, scale: "W", size: 64, values: (_, values) => values.map(power) },
      {
        ...axis,
        scale: "Wh",
        // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- an enum of uPlot that has no value
        side: 1,
        size: 72,
        grid: { show: false },
        values: (_, values) => values.map(energy),
      },
    ],
    cursor: { drag: { x: false, y: false } },
  };
}
