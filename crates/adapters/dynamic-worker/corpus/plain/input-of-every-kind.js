//! {"input":{"text":"ü👋","number":-1.5e-7,"yes":true,"nothing":null,"list":[[],{}],"":"empty key"}}
//= {"ended":"returned","value":{"text":"ü👋","number":-1.5e-7,"yes":true,"nothing":null,"list":[[],{}],"":"empty key"},"files":"unchanged"}
export default async (_env, input) => input;
