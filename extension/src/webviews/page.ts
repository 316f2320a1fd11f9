import { randomBytes } from "node:crypto";
import { Uri, type Webview } from "vscode";

/** The page of a webview: its bundled script and style sheet, and nothing else may load or run. */
export function page(webview: Webview, extensionUri: Uri, name: string, title: string): string {
  const nonce = randomBytes(16).toString("base64");
  const file = (suffix: string): string =>
    webview.asWebviewUri(Uri.joinPath(extensionUri, "out", "webviews", `${name}.${suffix}`)).toString();
  const policy = [
    "default-src 'none'",
    `style-src ${webview.cspSource}`,
    `script-src 'nonce-${nonce}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${file("css")}">
<title>${title}</title>
</head>
<body>
<main id="root"></main>
<script nonce="${nonce}" src="${file("js")}"></script>
</body>
</html>`;
}
