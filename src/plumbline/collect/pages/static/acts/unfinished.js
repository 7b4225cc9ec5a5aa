/** Something is not filled in: what, and where to go for it. */
export class Unfinished extends Error {
  constructor(problem, field) {
    super(problem);
    this.field = field;
  }
}
