import {
  createTheme,
  type CSSVariablesResolver,
  type MantineColorsTuple,
  Badge,
  Card,
  DrawerHeader,
  InputWrapper,
  Menu,
  Modal,
  ModalHeader,
  Notification,
  Select,
  Tooltip,
} from "@mantine/core";

// Deep water in the light, shallow water in the dark. Shade 7 carries white text at 5.3 : 1,
// and stands out from the dark ground at 3.2 : 1, as WCAG 2.2 AA asks of text and controls.
const water: MantineColorsTuple = [
  "#ebf8fb",
  "#d3eef5",
  "#a9dcea",
  "#7ccadf",
  "#55b9d4",
  "#35a5c4",
  "#1b8cab",
  "#0f7490",
  "#0c5d74",
  "#094657",
];

const night: MantineColorsTuple = [
  "#d6dee4",
  "#bac6cf",
  "#9dabb6",
  "#7d8c98",
  "#4c5a66",
  "#35424d",
  "#26323c",
  "#18222a",
  "#121a21",
  "#0c1318",
];

const gravel: MantineColorsTuple = [
  "#f6f9fa",
  "#eef3f5",
  "#e2e9ec",
  "#d2dbe0",
  "#bcc8cf",
  "#97a6af",
  "#72838d",
  "#4f5f69",
  "#35434c",
  "#1d2930",
];

export const theme = createTheme({
  colors: { water, dark: night, gray: gravel },
  primaryColor: "water",
  primaryShade: 7,
  black: "#16222a",
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  fontFamily:
    'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif',
  fontFamilyMonospace:
    'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
  headings: {
    fontWeight: "650",
    sizes: {
      h1: { fontSize: "1.625rem", lineHeight: "1.25" },
      h2: { fontSize: "1.1875rem", lineHeight: "1.35" },
      h3: { fontSize: "1rem", lineHeight: "1.45" },
    },
  },
  components: {
    Badge: Badge.extend({ defaultProps: { variant: "light", radius: "sm", tt: "none" } }),
    Card: Card.extend({
      defaultProps: { withBorder: true, radius: "lg", padding: "lg" },
      styles: { root: { background: "var(--hw-surface)", borderColor: "var(--hw-line)" } },
    }),
    InputWrapper: InputWrapper.extend({ styles: { description: { fontSize: "0.8125rem" } } }),
    Modal: Modal.extend({
      defaultProps: { centered: true, radius: "lg", closeButtonProps: { "aria-label": "Close" } },
      styles: { title: { fontSize: "1.125rem", fontWeight: 650 } },
    }),
    // It is a <header>, which outside of a section would count as the page's banner.
    ModalHeader: ModalHeader.extend({ defaultProps: { role: "none" } }),
    DrawerHeader: DrawerHeader.extend({ defaultProps: { role: "none" } }),
    Select: Select.extend({ defaultProps: { comboboxProps: { withinPortal: false } } }),
    // In the landmark of their button rather than at the end of the body.
    Menu: Menu.extend({
      defaultProps: {
        withinPortal: false,
        floatingStrategy: "fixed",
        withInitialFocusPlaceholder: false,
      },
    }),
    Notification: Notification.extend({
      defaultProps: { closeButtonProps: { "aria-label": "Dismiss" } },
      styles: { description: { color: "var(--mantine-color-dimmed)" } },
    }),
    Tooltip: Tooltip.extend({
      defaultProps: { withArrow: true, events: { hover: true, focus: true, touch: true } },
    }),
  },
});

// Where Mantine's own choices stay below 4.5 : 1, ours are darker (or, in the dark, lighter).
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--hw-canvas": gravel[0],
    "--hw-surface": "#ffffff",
    "--hw-line": gravel[2],
    "--mantine-color-dimmed": gravel[7],
    "--mantine-color-placeholder": gravel[6],
    "--mantine-color-error": "#c22b2b",
    "--mantine-color-anchor": water[7],
    "--mantine-color-water-light": water[0],
    "--mantine-color-water-light-hover": water[1],
    "--mantine-color-water-light-color": water[8],
    "--mantine-color-gray-light": gravel[1],
    "--mantine-color-gray-light-color": gravel[7],
    "--mantine-color-green-light-color": "#1b6e2f",
    "--mantine-color-red-light-color": "#b02525",
    "--mantine-color-orange-light-color": "#954100",
    "--mantine-color-yellow-light-color": "#7a5200",
    "--mantine-color-blue-light-color": "#1459a6",
    "--mantine-color-red-outline": "#c22b2b",
    "--mantine-color-red-filled": "#c22b2b",
    "--mantine-color-red-filled-hover": "#a82323",
  },
  dark: {
    "--hw-canvas": night[8],
    "--hw-surface": night[7],
    "--hw-line": night[6],
    "--mantine-color-body": night[8],
    "--mantine-color-dimmed": night[2],
    "--mantine-color-placeholder": night[3],
    "--mantine-color-error": "#ff8f8f",
    "--mantine-color-anchor": water[3],
    "--mantine-color-default": night[7],
    "--mantine-color-default-border": night[5],
    "--mantine-color-water-light": "rgba(53, 165, 196, 0.16)",
    "--mantine-color-water-light-hover": "rgba(53, 165, 196, 0.24)",
    "--mantine-color-water-light-color": water[2],
    "--mantine-color-gray-light": "rgba(157, 171, 182, 0.14)",
    "--mantine-color-gray-light-color": night[1],
    "--mantine-color-green-light": "rgba(64, 192, 87, 0.14)",
    "--mantine-color-red-light": "rgba(250, 82, 82, 0.16)",
    "--mantine-color-orange-light": "rgba(253, 126, 20, 0.14)",
    "--mantine-color-yellow-light": "rgba(250, 176, 5, 0.14)",
    "--mantine-color-blue-light": "rgba(34, 139, 230, 0.16)",
    "--mantine-color-green-light-color": "#8ce99a",
    "--mantine-color-red-light-color": "#ffa8a8",
    "--mantine-color-orange-light-color": "#ffc078",
    "--mantine-color-yellow-light-color": "#ffe066",
    "--mantine-color-blue-light-color": "#a5d8ff",
    "--mantine-color-red-filled": "#c22b2b",
    "--mantine-color-red-filled-hover": "#a82323",
  },
});
