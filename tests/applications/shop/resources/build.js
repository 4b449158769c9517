// Stands for a bundler, which would come from a registry.
const fs = require('node:fs');

fs.mkdirSync('public/build', { recursive: true });
fs.writeFileSync('public/build/app.js', `/* built by ${process.version} */\n`);
