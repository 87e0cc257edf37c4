// What a model said in the playground, and what it took: tokens by class and the
// charge from the log row, which is there as soon as the call has been settled.
// SPDX-License-Identifier: Apache-2.0
import { html, useEffect, useState } from '../dom.js';
import { api } from '../api.js';
import { duration, money, number } from '../format.js';
import { t, tWord } from '../i18n.js';
import { to } from '../router.js';
import { may } from '../state.js';
import { Copy } from '../ui/index.js';
import { errorText } from './health.js';

const ORDINARY = ['stop', 'end_turn', 'completed', 'stop_sequence']; // ends of an answer that is whole
const TRIES = 6;
const PAUSE_MS = 700;

// The log row of a call that has ended; it is written a moment later.
function useRow(requestId, isDone) {
    const [row, setRow] = useState(null);
    useEffect(() => {
        if (!requestId || !isDone || !may('read-only', 'logs:read')) return undefined;
        let tries = 0;
        let timer;
        const abort = new AbortController();
        const look = async () => {
            const { data } = await api.get('/logs', { request_id: requestId, limit: 1 }, { signal: abort.signal }).catch(() => ({ data: [] }));
            if (abort.signal.aborted) return;
            if (data.length > 0) setRow(data[0]);
            else if (++tries < TRIES) timer = setTimeout(look, PAUSE_MS);
        };
        look();
        return () => {
            abort.abort();
            clearTimeout(timer);
        };
    }, [requestId, isDone]);
    return row;
}

function Figures({ answer, row, currency }) {
    const usage = row?.usage;
    const input = usage ? usage.prompt_missed + usage.cached + usage.cache_creation : answer.usage?.input;
    const output = usage ? usage.completion + usage.reasoning : answer.usage?.output;
    const parts = [
        answer.provider && [t('play.provider'), html`<bdi>${answer.provider}</bdi>`],
        input !== undefined && [t('play.input'), number(input) + (usage?.cached ? ` (${t('play.cached', { n: number(usage.cached) })})` : '')],
        output !== undefined && [t('play.output'), number(output) + (usage?.reasoning ? ` (${t('play.thought', { n: number(usage.reasoning) })})` : '')],
        row && [t('play.cost'), money(row.cost, currency)],
        answer.finish && !ORDINARY.includes(answer.finish) && [t('play.finish'), html`<bdi>${tWord('play.end', answer.finish)}</bdi>`],
        answer.firstMs !== undefined && [t('play.first'), duration(answer.firstMs)],
        answer.totalMs !== undefined && [t('play.total'), duration(answer.totalMs)],
    ].filter(Boolean);
    return html`<footer class="figures">${parts.map(([name, value]) => html`<span key=${name}><span class="muted">${name}</span> ${value}</span>`)}
        ${answer.requestId && html`<a href=${to('/logs', { request_id: answer.requestId })}>${t('play.log')}</a>`}
        ${answer.text && html`<${Copy} text=${answer.text} />`}</footer>`;
}

export function Answer({ answer, currency }) {
    const row = useRow(answer.requestId, !answer.busy);
    const thinks = answer.busy && answer.text === '' && answer.tools.length === 0;
    return html`<div class="answer"><div class="who"><bdi>${answer.model}</bdi></div>
        ${answer.reasoning && html`<details class="reasoning" open=${thinks}><summary>${t('play.reasoning')}</summary><div class="said"><bdi>${answer.reasoning}</bdi></div></details>`}
        ${thinks && !answer.reasoning && html`<div class="waiting" aria-label=${t('play.waiting')}><i></i><i></i><i></i></div>`}
        ${answer.text && html`<div class="said"><bdi>${answer.text}</bdi></div>`}
        ${answer.tools.map((one) => html`<div key=${one.at} class="tool"><span class="muted">${t('play.tool')}</span> <bdi class="mono">${one.name}</bdi>
            <pre><bdi>${one.text}</bdi></pre></div>`)}
        ${answer.error && html`<p class="error" role="alert">${answer.error.status ? `${answer.error.status} · ` : ''}${answer.error.message}
            ${row && row.cause !== 'ok' && html`<span class="muted"> ${errorText({ cause: row.cause })}</span>`}</p>`}
        ${answer.stopped && html`<p class="muted">${t('play.stopped')}</p>`}
        ${!answer.busy && html`<${Figures} answer=${answer} row=${row} currency=${currency} />`}</div>`;
}
