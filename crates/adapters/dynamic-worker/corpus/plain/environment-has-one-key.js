//! {}
//= {"ended":"returned","value":[["WORKSPACE"],["copy","delete","diff","edit","exists","glob","grep","list","mkdir","move","readFile","readText","stat","writeFile"]],"files":"unchanged"}
export default async (env) => [Object.keys(env), Object.keys(env.WORKSPACE).sort()];
