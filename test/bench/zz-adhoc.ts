import { measureScaling } from './scaling-run.ts';
import { carriers } from './carriers.ts';
const n=Number(process.argv[2]);
for (const c of carriers.slice(0,Number(process.argv[3]??1))) { const t=performance.now();
console.log(c.name, n, JSON.stringify(await measureScaling({carrier:c,workers:n,shards:n,sleepMs:25,burnInSteps:3,steps:5,minimumSeconds:1})), ((performance.now()-t)/1000).toFixed(0)+' s total'); }
