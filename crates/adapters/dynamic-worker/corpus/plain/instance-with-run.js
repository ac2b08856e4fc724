//! {}
//= {"ended":"returned","value":"counted 2","files":"unchanged"}
class Counter {
  #count = 1;
  run() {
    this.#count += 1;
    return `counted ${this.#count}`;
  }
}

export default new Counter();
