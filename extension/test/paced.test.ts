import { deepEqual } from "node:assert/strict";
import { it } from "node:test";
import { Paced } from "../src/paced";

it("draws at once, then what is newest each time the pace allows it, and the last", (test) => {
  test.mock.timers.enable({ apis: ["setTimeout"] });
  const drawn: number[] = [];
  let value = 0;
  const paced = new Paced(50, () => drawn.push(value));
  const change = (): void => {
    value += 1;
    paced.ask();
  };
  change();
  deepEqual(drawn, [1]);
  change();
  change();
  test.mock.timers.tick(49);
  deepEqual(drawn, [1]);
  test.mock.timers.tick(1);
  deepEqual(drawn, [1, 3]);
  change();
  test.mock.timers.tick(50);
  deepEqual(drawn, [1, 3, 4]);
  test.mock.timers.tick(500);
  change();
  deepEqual(drawn, [1, 3, 4, 5]);
});

it("leaves out what was not drawn when it is over", (test) => {
  test.mock.timers.enable({ apis: ["setTimeout"] });
  const drawn: string[] = [];
  const paced = new Paced(50, () => drawn.push("x"));
  paced.ask();
  paced.ask();
  paced.dispose();
  test.mock.timers.tick(500);
  deepEqual(drawn, ["x"]);
});
