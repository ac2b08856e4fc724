//! {"modules":{"words.txt":"one\r\ntwo\n"}}
//= {"ended":"returned","value":"one\r\ntwo\n","files":"unchanged"}
import words from "./words.txt";

export default async () => words;
