import type { ThemeKind } from './webview.ts';

/** The themes in which every page is looked at. The last is the one VS Code begins with. */
export const THEMES: readonly (readonly [name: string, kind: ThemeKind])[] = [
  ['Dark 2026', 'vscode-dark'],
  ['Dark High Contrast', 'vscode-high-contrast'],
  ['Light High Contrast', 'vscode-high-contrast-light'],
  ['Light 2026', 'vscode-light'],
];
