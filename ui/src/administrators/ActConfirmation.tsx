// Asks before an act that takes something from somebody, and carries it out.
import { useEditAdministrator, useEndSessionsOf, useResetPassword } from "../api/administrators";
import type { Administrator } from "../api/types";
import { ConfirmDelete } from "../components/ConfirmDelete";
import type { Act } from "./AdministratorMenu";
import type { Handover } from "./OneTimeLink";

type ConfirmedAct = Exclude<Act, "edit">;

export interface ActConfirmationProps {
  administrator: Administrator | null;
  act: ConfirmedAct;
  onClose: () => void;
  onLink: (handover: Handover) => void;
}

export function ActConfirmation({ administrator, act, onClose, onLink }: ActConfirmationProps) {
  const edit = useEditAdministrator();
  const reset = useResetPassword();
  const endSessions = useEndSessionsOf();
  const name = administrator?.name ?? "";
  const id = administrator?.id ?? "";

  const carryOut = async () => {
    if (act === "reset") {
      const { link, expires } = await reset.mutateAsync(id);
      onLink({ name, link, expires, why: administrator?.has_password ? "reset" : "invited" });
    } else if (act === "sign_out") {
      await endSessions.mutateAsync(id);
    } else {
      await edit.mutateAsync({ id, disabled: act === "disable" });
    }
  };

  const { title, action, text } = words(act, name, administrator?.has_password ?? true);
  return (
    <ConfirmDelete
      opened={administrator !== null}
      onClose={onClose}
      title={title}
      action={action}
      onConfirm={carryOut}
    >
      {text}
    </ConfirmDelete>
  );
}

function words(act: ConfirmedAct, name: string, hasPassword: boolean) {
  switch (act) {
    case "reset":
      return hasPassword
        ? {
            title: "Reset the password?",
            action: "Reset the password",
            text: `The password of ${name} stops working and they are signed out everywhere. You get a one-time link to hand over.`,
          }
        : {
            title: "Make a new link?",
            action: "Make a new link",
            text: `${name} has not set a password yet. The link made before stops working.`,
          };
    case "sign_out":
      return {
        title: "Sign out everywhere?",
        action: "Sign out everywhere",
        text: `All sessions of ${name} end at once. They can sign in again with their password.`,
      };
    case "disable":
      return {
        title: "Disable this account?",
        action: "Disable",
        text: `${name} is signed out and can’t sign in until somebody enables the account again. What they did stays in the audit log.`,
      };
    case "enable":
      return {
        title: "Enable this account?",
        action: "Enable",
        text: `${name} can sign in again with the password from before.`,
      };
  }
}
