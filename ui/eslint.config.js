import js from "@eslint/js";
import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist", "src/api/schema.d.ts"] },
  js.configs.recommended,
  tseslint.configs.strict,
  reactHooks.configs.flat["recommended-latest"],
  {
    rules: {
      // `const { secret: _, ...rest } = token` says best what is left out.
      "@typescript-eslint/no-unused-vars": [
        "error",
        { varsIgnorePattern: "^_", argsIgnorePattern: "^_" },
      ],
    },
  },
  {
    files: ["scripts/**", "public/**"],
    languageOptions: {
      globals: {
        console: "readonly",
        process: "readonly",
        localStorage: "readonly",
        matchMedia: "readonly",
        document: "readonly",
        URL: "readonly",
      },
    },
  },
);
