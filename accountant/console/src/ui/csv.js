// Rows as a file of comma separated values (RFC 4180).
// SPDX-License-Identifier: Apache-2.0

// Names are others' words: a spreadsheet must not take one for a formula.
function cell(value) {
    if (value === null || value === undefined) return '';
    let text = String(value);
    if (typeof value === 'string' && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function download(name, type, text) {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// downloadCsv('usage.csv', ['model', 'tokens'], [['a', 3]]); BOM, for Excel's sake
export function downloadCsv(name, head, rows) {
    const text = [head, ...rows].map((row) => row.map(cell).join(',')).join('\r\n');
    download(name, 'text/csv;charset=utf-8', `\ufeff${text}\r\n`);
}
