import { Input } from "@mantine/core";
import { useId } from "react";
import classes from "./UrlPreview.module.css";

/** The SCIM Base URL as it will be, written while the slug is typed. */
export function UrlPreview({ url }: { url: string }) {
  const id = useId();
  const [, before = "", slug = "", after = ""] = /^(.*\/)([^/]*)(\/v2)$/.exec(url) ?? [];
  return (
    <div>
      <Input.Label component="div" id={id}>
        SCIM Base URL
      </Input.Label>
      <output className={classes.url} aria-labelledby={id}>
        {before}
        <b>{slug}</b>
        {after}
      </output>
    </div>
  );
}
