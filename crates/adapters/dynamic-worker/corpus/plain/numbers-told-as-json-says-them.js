//! {}
//= {"ended":"returned","value":[0,0.1,1e21,123456789012345680000,5e-324,-1,9007199254740991],"files":"unchanged"}
export default () => [-0, 0.1, 1e21, 123456789012345678901, 5e-324, ~0, Number.MAX_SAFE_INTEGER];
