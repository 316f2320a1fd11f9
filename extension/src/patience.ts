/** What takes no longer is not announced: a person reads it as at once. Milliseconds. */
export const AT_ONCE_MS = 300;

/** Whether `work` is still under way after `ms`. However it ends, that is left to those who wait for it. */
export async function takesLonger(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, true);
  });
  const ended = work.then(
    () => false,
    () => false,
  );
  try {
    return await Promise.race([ended, late]);
  } finally {
    clearTimeout(timer);
  }
}
