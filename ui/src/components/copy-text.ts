/**
 * Puts text into the clipboard; the text may still be on its way from the server. Must be called
 * straight from a click: browsers allow the clipboard only in answer to one.
 * Fails where the browser forbids it, and when the text cannot be had.
 */
export async function copyText(text: string | Promise<string>): Promise<void> {
  // Absent on a page that is neither HTTPS nor localhost.
  if (!("clipboard" in navigator)) return copyBySelection(await text);
  if (typeof text !== "string" && "ClipboardItem" in window) {
    // Safari ends its permission with the click, so it gets the promise, not the later text.
    const blob = text.then((known) => new Blob([known], { type: "text/plain" }));
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    return;
  }
  await navigator.clipboard.writeText(await text);
}

function copyBySelection(text: string) {
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("readonly", "");
  area.className = "mantine-visually-hidden";
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error("The browser does not allow copying here. Select the text instead.");
}
