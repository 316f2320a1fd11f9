/** The axis of the latency bars: 1 µs to 100 s, a decade as wide as any other. */
const LOWEST = -3;
const HIGHEST = 5;

/** Where a latency lies on the logarithmic axis, 0..1. What is off the axis lies at its end. */
export function position(ms: number): number {
  const decades = ms <= 0 ? LOWEST : Math.log10(ms);
  return Math.min(1, Math.max(0, (decades - LOWEST) / (HIGHEST - LOWEST)));
}
