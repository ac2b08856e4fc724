//! {}
//= {"ended":"returned","value":["Square of 9",2,"[object Shape]",true],"files":"unchanged"}
class Shape {
  static made = 0;
  #side;
  constructor(side) {
    this.#side = side;
    Shape.made += 1;
  }
  get area() { return this.#side ** 2; }
  get [Symbol.toStringTag]() { return "Shape"; }
  static is(one) { return #side in one; }
}
class Square extends Shape {
  toText() { return `Square of ${super.area}`; }
}

export default () => [new Square(3).toText(), (new Shape(1), Shape.made), `${new Shape(2)}`, Shape.is(new Square(1))];
