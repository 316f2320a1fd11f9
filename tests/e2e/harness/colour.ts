// What an eye can tell apart.

/** Red, green and blue, 0..255. */
export type Rgb = readonly [number, number, number];

/** Contrast of two colours, 1..21, by WCAG 2.2. Small text wants 4.5, anything else 3. */
export function contrast(one: Rgb, other: Rgb): number {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** Distance of two colours in CIELAB (CIE76): 2 is just seen, two names apart are some 30. */
export function distance(one: Rgb, other: Rgb): number {
  const [a, b] = [lab(one), lab(other)];
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

function luminance(colour: Rgb): number {
  const [r, g, b] = linear(colour);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function linear(colour: Rgb): Rgb {
  const one = (value: number): number => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return [one(colour[0]), one(colour[1]), one(colour[2])];
}

/** Under daylight (D65). */
function lab(colour: Rgb): Rgb {
  const [r, g, b] = linear(colour);
  const x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047;
  const z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883;
  const f = (value: number): number => (value > (6 / 29) ** 3 ? Math.cbrt(value) : value / (3 * (6 / 29) ** 2) + 4 / 29);
  const y = luminance(colour);
  return [116 * f(y) - 16, 500 * (f(x) - f(y)), 200 * (f(y) - f(z))];
}
