// The Content-Security-Policy lets a <style> in only with the nonce of this page's answer.
// Mantine and the scroll lock behind its dialogs write such elements; both ask here.
import { setNonce } from "get-nonce";

export const nonce =
  document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";

setNonce(nonce);
