import { Badge, createTheme, type CSSVariablesResolver, Input, Tooltip } from "@mantine/core";

export const theme = createTheme({
  fontFamily: "'Inter Variable', system-ui, sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Mono', 'DejaVu Sans Mono', monospace",
  primaryColor: "indigo",
  primaryShade: { light: 7, dark: 7 },
  colors: {
    // A dark of the page's own: bluish, as its surfaces are.
    dark: [
      "#d5dae1",
      "#b9c1cc",
      "#98a2b0",
      "#5d6775",
      "#3a424e",
      "#2b313a",
      "#222831",
      "#191d23",
      "#14181d",
      "#0e1115",
    ],
  },
  defaultRadius: "md",
  autoContrast: true,
  cursorType: "pointer",
  respectReducedMotion: true,
  headings: { fontWeight: "620" },
  components: {
    Badge: Badge.extend({
      defaultProps: { variant: "light", radius: "sm" },
      styles: { label: { fontWeight: 550 } },
    }),
    InputWrapper: Input.Wrapper.extend({
      defaultProps: { inputWrapperOrder: ["label", "input", "description", "error"] },
    }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 400, withArrow: true } }),
  },
});

/** Colours of what is said everywhere: backgrounds in two heights, and texts that can be read on both. */
export const colours: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-body": "#f7f8fa",
    "--mantine-color-dimmed": "#56606e",
    "--mantine-color-placeholder": "#6b7480",
    "--vg-surface": "#ffffff",
    "--vg-border": "#e2e6eb",
    "--vg-hover": "#f1f4f8",
    "--vg-good": "#1e7d3c",
    "--vg-warning": "#a14b00",
    "--vg-bad": "#c92525",
    "--vg-accent": "#364fc7",
    "--vg-accent-soft": "#e7ecff",
  },
  dark: {
    "--mantine-color-body": "#111418",
    "--mantine-color-text": "#d5dae1",
    "--mantine-color-dimmed": "#98a2b0",
    "--mantine-color-placeholder": "#98a2b0",
    "--vg-surface": "#191d23",
    "--vg-border": "#2b313a",
    "--vg-hover": "#212730",
    "--vg-good": "#5fd07f",
    "--vg-warning": "#ffb254",
    "--vg-bad": "#ff8585",
    "--vg-accent": "#a3b5ff",
    "--vg-accent-soft": "#252d4d",
  },
});
