import { dirname, isAbsolute, join } from "node:path";

/** The configuration named by the setting, as an absolute path; null when the setting is empty. */
export function configured(setting: string, folder: string | undefined): string | null {
  const path = setting.trim();
  if (path === "") {
    return null;
  }
  return isAbsolute(path) || folder === undefined ? path : join(folder, path);
}

/** Where the sidecar looks when nothing is set: config/perf_config.json in `start` and in each folder above it. */
export function searched(start: string): string[] {
  const paths: string[] = [];
  for (let folder = start; ; folder = dirname(folder)) {
    paths.push(join(folder, "config", "perf_config.json"));
    if (dirname(folder) === folder) {
      return paths;
    }
  }
}
