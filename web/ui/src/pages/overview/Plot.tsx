import "uplot/dist/uPlot.min.css";

import { useComputedColorScheme, VisuallyHidden } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useEffect, useRef } from "react";
import UPlot from "uplot";

import { useFormat } from "../../lib/format";
import type { History } from "./history";
import classes from "./Overview.module.css";
import { useText } from "./text";

const HEIGHT = 200;
/** Minutes that are drawn, also while less was heard. */
const SECONDS = 300;

/** Calls and errors a second over the last minutes; a screen reader is told the newest. */
export default function Plot({ history }: { history: History }) {
  const text = useText();
  const format = useFormat();
  const scheme = useComputedColorScheme("light");
  const { ref, width } = useElementSize();
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot>(null);
  useEffect(() => {
    if (place.current === null || width === 0) return;
    const drawn = new UPlot(
      options(width, place.current, [text.perSecond, text.errorsSeries, text.at], (at) => format.time(at)),
      [[], [], []],
      place.current,
    );
    plot.current = drawn;
    return () => drawn.destroy();
  }, [width, scheme, text, format]);
  useEffect(() => {
    const [times, calls, errors] = [0, 1, 2].map((place) => history.map((look) => look[place] ?? null));
    plot.current?.setData([times as number[], calls ?? [], errors ?? []]);
  }, [history, width, scheme, text, format]);
  const newest = history.at(-1);
  return (
    <>
      <div ref={ref} style={{ height: HEIGHT + 32 }} aria-hidden>
        <div ref={place} className={classes.plot} />
      </div>
      <VisuallyHidden>
        {`${text.perSecond}: ${String(newest?.[1] ?? text.unknown)}, ${text.errorsSeries}: ${String(newest?.[2] ?? text.unknown)}`}
      </VisuallyHidden>
    </>
  );
}

function options(width: number, near: Element, names: string[], time: (at: number) => string): UPlot.Options {
  const style = getComputedStyle(near);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const [dimmed, border] = [colour("--mantine-color-dimmed"), colour("--vg-border")];
  const axis = {
    stroke: dimmed,
    grid: { stroke: border, width: 1 },
    ticks: { show: false },
    font: "11px Inter Variable",
  };
  const line = (label: string | undefined, name: string) => ({
    label: label ?? "",
    stroke: colour(name),
    width: 1.75,
    fill: `color-mix(in srgb, ${colour(name)} 12%, transparent)`,
    points: { show: false },
  });
  return {
    width,
    height: HEIGHT,
    scales: {
      x: { range: (_, __, last) => [last - SECONDS, last] },
      y: { range: (_, __, most) => [0, Math.max(most * 1.15, 1)] },
    },
    series: [
      { label: names[2] ?? "", value: (_, at: number | null) => (at === null ? "–" : time(at * 1000)) },
      line(names[0], "--vg-accent"),
      line(names[1], "--vg-bad"),
    ],
    axes: [
      { ...axis, values: (_, times) => times.map((at) => time(at * 1000)), space: 90 },
      { ...axis, size: 46 },
    ],
    cursor: { drag: { x: false, y: false } },
  };
}
