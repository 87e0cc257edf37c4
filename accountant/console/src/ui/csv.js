// Rows as a file of comma separated values (RFC 4180).
// SPDX-License-Identifier: Apache-2.0

// Names are others' words: a spreadsheet must not take one for a formula.
function cell(value) {
    if (value === null || value === undefined) return '';
    let text = String(value);
    if (typeof value === 'string' && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// A download of the browser's: save(url, 'logs.csv')
export function save(href, name) {
    const link = document.createElement('a');
    link.href = href;
    link.download = name;
    link.click();
}

// downloadCsv('usage.csv', ['model', 'tokens'], [['a', 3]]); BOM, for Excel's sake
export function downloadCsv(name, head, rows) {
    const text = [head, ...rows].map((row) => row.map(cell).join(',')).join('\r\n');
    const href = URL.createObjectURL(new Blob([`\ufeff${text}\r\n`], { type: 'text/csv;charset=utf-8' }));
    save(href, name);
    setTimeout(() => URL.revokeObjectURL(href), 10000);
}
