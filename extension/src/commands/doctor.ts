import type { CommandFactory } from "../context";
import { DOCTOR, type DoctorResult } from "../protocol";
import type { Report } from "../webviews/report/protocol";

/** Shows what Refrain needs, what is there, and how to mend what is not. */
export const doctor: CommandFactory = (context) => async () => {
  context.report.show(diagnosis(await context.sidecar.request(DOCTOR, {})));
};

function diagnosis({ checks }: DoctorResult): Report {
  const wrong = checks.filter((check) => check.status !== "ok").length;
  return {
    title: "Set-up",
    lead: wrong === 0 ? "Everything Refrain needs is there." : `${wrong} of ${checks.length} checks want attention.`,
    facts: checks.map(({ name, status, message, fix }) => ({
      key: name.replace(/\W+/g, "-"),
      label: name,
      value: message,
      status,
      ...(fix === null ? {} : { note: fix }),
    })),
    actions: [
      { title: "Fetch Embedded Model", command: "refrain.fetchModel" },
      { title: "Open Configuration", command: "refrain.openConfig" },
      { title: "Show Log", command: "refrain.showLog" },
    ],
  };
}
