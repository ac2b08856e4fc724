//! {"modules":{"data.json":"{\"list\":[1,2,{\"deep\":\"ü\"}]}"}}
//= {"ended":"returned","value":{"list":[1,2,{"deep":"ü"}]},"files":"unchanged"}
import data from "./data.json";

export default async () => data;
