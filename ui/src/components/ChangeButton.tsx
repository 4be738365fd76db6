// A button that changes something: an auditor finds it disabled, with the reason.
//
//   <ChangeButton leftSection={<IconPlus … />} onClick={open}>Create</ChangeButton>
//
// For other controls, `useCanChange()` and `AUDITOR_REASON` of api/session.
import { Button, type ButtonProps, Tooltip } from "@mantine/core";
import type { MouseEventHandler } from "react";
import { AUDITOR_REASON, useCanChange } from "../api/session";

export interface ChangeButtonProps extends ButtonProps {
  onClick?: MouseEventHandler<HTMLButtonElement>;
  type?: "button" | "submit";
}

export function ChangeButton({ onClick, ...rest }: ChangeButtonProps) {
  const canChange = useCanChange();
  if (canChange) return <Button onClick={onClick} {...rest} />;
  return (
    <Tooltip label={AUDITOR_REASON} multiline maw={280} withinPortal={false}>
      {/* Not `disabled`: that would keep the reason from keyboard and screen reader. */}
      <Button
        {...rest}
        type="button"
        data-disabled
        aria-disabled
        onClick={(event) => event.preventDefault()}
      />
    </Tooltip>
  );
}
