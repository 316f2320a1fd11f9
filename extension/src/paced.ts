/**
 * Draws at once, and then at most every `ms`: what is asked for meanwhile is drawn when that time is over. A small
 * model writes a word in 15 ms, and a page that is drawn as often is too busy to see a click on *Cancel*.
 */
export class Paced {
  private timer: NodeJS.Timeout | undefined;
  private asked = false;

  constructor(
    private readonly ms: number,
    private readonly draw: () => void,
  ) {}

  ask(): void {
    this.asked = true;
    if (this.timer === undefined) {
      this.next();
    }
  }

  /** Leaves out what was asked for and not drawn yet. */
  dispose(): void {
    clearTimeout(this.timer);
    this.asked = false;
  }

  private next(): void {
    this.timer = undefined;
    if (this.asked) {
      this.asked = false;
      this.timer = setTimeout(() => this.next(), this.ms);
      this.draw();
    }
  }
}
