//! {"input":4}
//= {"ended":"returned","value":12,"files":"unchanged"}
export default {
  factor: 3,
  async run(_env, input) {
    return input * this.factor;
  },
};
