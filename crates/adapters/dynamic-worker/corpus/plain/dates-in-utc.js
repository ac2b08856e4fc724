//! {}
//= {"ended":"returned","value":["2024-02-29T12:00:00.000Z",4,1709208000000,"2024-03-01T00:00:00.000Z",true],"files":"unchanged"}
export default () => {
  const date = new Date(Date.UTC(2024, 1, 29, 12));
  const next = new Date("2024-02-29T00:00:00Z");
  next.setUTCDate(30);
  return [date.toISOString(), date.getUTCDay(), date.getTime(), next.toISOString(), Number.isNaN(new Date("no").getTime())];
};
