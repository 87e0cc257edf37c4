// A conversation with a model through a virtual key: the way any client has it,
// with the curl line that does the same.
// SPDX-License-Identifier: Apache-2.0
import { html, useEffect, useRef, useState } from '../dom.js';
import { useApi } from '../api.js';
import { DIALECTS, curlOf, stream } from '../chat.js';
import { t } from '../i18n.js';
import { setQuery } from '../router.js';
import { Button, Card, Checkbox, Code, Combobox, Empty, Field, Input, Page, Segmented, Textarea } from '../ui/index.js';
import { KeyChoice, useKey } from './key_choice.js';
import { Answer } from './playground_answer.js';

const numberOf = (text) => (text.trim() === '' || Number.isNaN(Number(text)) ? undefined : Number(text));

// What a call says, of the fields and the conversation so far.
function callOf(fields, model, turns, prompt) {
    const messages = turns.flatMap(({ question, answer }) => [{ role: 'user', content: question },
        ...(answer.text ? [{ role: 'assistant', content: answer.text }] : [])]);
    if (prompt) messages.push({ role: 'user', content: prompt });
    return { dialect: fields.dialect, model, system: fields.system.trim(), messages, stream: fields.stream,
        max_tokens: numberOf(fields.max_tokens), temperature: numberOf(fields.temperature), top_p: numberOf(fields.top_p) };
}

function Settings({ fields, set, model, models, choice }) {
    const input = (name, props) => html`<${Field} label=${t(`play.${name}`)}>${(own) => html`<${Input} ...${own} inputmode="decimal" ...${props}
        value=${fields[name]} onInput=${set(name)} />`}<//>`;
    return html`<${Card} class="play-settings">
        <${Field} label=${t('play.model')} hint=${model === 'builtin/echo' && t('play.builtin')}>${(props) => html`<${Combobox} ...${props} value=${model} onChange=${(value) => setQuery({ model: value })} options=${models} placeholder="gpt-5" />`}<//>
        <${KeyChoice} choice=${choice} />
        <${Field} label=${t('play.system')} optional=${t('part.optional')}>${(props) => html`<${Textarea} ...${props} rows=${3} value=${fields.system} onInput=${set('system')} />`}<//>
        <div class="play-numbers">${input('max_tokens', { placeholder: '1024' })}${input('temperature', { placeholder: '1' })}${input('top_p', { placeholder: '1' })}</div>
        <div class="field"><span class="label">${t('play.dialect')}</span><${Segmented} label=${t('play.dialect')} value=${fields.dialect} onChange=${set('dialect')}
            options=${Object.entries(DIALECTS).map(([name, path]) => [name, name, path])} /></div>
        <${Checkbox} checked=${fields.stream} onChange=${set('stream')}>${t('play.stream')}<//>
    <//>`;
}

// The calls of tools, one part of one further.
function withPart(tools, { at, name, text }) {
    const known = tools.find((one) => one.at === at);
    if (!known) return [...tools, { at, name, text }];
    return tools.map((one) => (one === known ? { at, name: one.name + name, text: one.text + text } : one));
}

// Sends and collects what comes into the last turn; stop() ends it.
function useConversation(choice) {
    const [turns, setTurns] = useState([]);
    const abort = useRef(null);
    useEffect(() => () => abort.current?.abort(), []);
    const change = (patch) => setTurns((all) => all.map((turn, i) => (i < all.length - 1 ? turn
        : { ...turn, answer: { ...turn.answer, ...(typeof patch === 'function' ? patch(turn.answer) : patch) } })));
    const add = (event) => change((now) => ({
        ...(event.requestId && { requestId: event.requestId, provider: event.provider }),
        ...(event.usage && { usage: { ...now.usage, ...Object.fromEntries(Object.entries(event.usage).filter(([, n]) => n !== undefined)) } }),
        ...(event.finish && { finish: event.finish }), text: now.text + (event.text ?? ''), reasoning: now.reasoning + (event.reasoning ?? ''),
        ...(event.tools && { tools: event.tools.reduce(withPart, now.tools) }),
    }));
    const send = async (call, question) => {
        abort.current = new AbortController();
        setTurns((all) => [...all, { question, answer: { text: '', reasoning: '', tools: [], busy: true, model: call.model } }]);
        try {
            const end = await stream(call, await choice.value(), { signal: abort.current.signal, onEvent: add });
            change({ ...end, busy: false });
        } catch (error) {
            change({ busy: false, ...(error.name === 'AbortError' ? { stopped: true } : { error }), ...(error.requestId && { requestId: error.requestId }) });
        }
    };
    return { turns, send, isBusy: turns.at(-1)?.answer.busy === true, stop: () => abort.current?.abort(), clear: () => setTurns([]) };
}

function Prompt({ isBusy, isReady, prompt, setPrompt, onSend, onStop }) {
    const keys = (event) => {
        if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        if (isReady && !isBusy) onSend();
    };
    return html`<div class="play-prompt"><${Textarea} autofocus rows=${3} aria-label=${t('play.prompt')} placeholder=${t('play.prompt_hint')} value=${prompt} onInput=${setPrompt} onKeyDown=${keys} />
        ${isBusy ? html`<${Button} icon="stop" onClick=${onStop}>${t('play.stop')}<//>`
            : html`<${Button} kind="primary" icon="send" disabled=${!isReady} onClick=${() => { onSend(); }}>${t('play.send')}<//>`}</div>`;
}

export function Playground({ query }) {
    const list = useApi('/models');
    const choice = useKey(query.key);
    const [fields, setFields] = useState({ dialect: 'chat', system: '', max_tokens: '', temperature: '', top_p: '', stream: true });
    const [prompt, setPrompt] = useState('');
    const conversation = useConversation(choice);
    const log = useRef();
    const models = list.data?.data.filter((one) => !one.wildcard && one.type === 'chat').map((one) => one.id) ?? [];
    const model = query.model ?? models[0] ?? '';
    const set = (name) => (value) => setFields((now) => ({ ...now, [name]: value }));
    const { turns, isBusy } = conversation;
    const last = turns.at(-1)?.answer;
    useEffect(() => {
        if (log.current) log.current.scrollTop = log.current.scrollHeight;
    }, [turns.length, last?.text.length, last?.reasoning.length]);
    const send = () => {
        conversation.send(callOf(fields, model, turns, prompt), prompt);
        setPrompt('');
    };
    const isReady = choice.isReady && model !== '' && prompt.trim() !== '';
    const actions = turns.length > 0 && html`<${Button} icon="trash" disabled=${isBusy} onClick=${conversation.clear}>${t('play.clear')}<//>`;
    return html`<${Page} title=${t('nav.playground')} lead=${t('play.lead')} actions=${actions}>
        <div class="play">
            <${Settings} fields=${fields} set=${set} model=${model} models=${models} choice=${choice} />
            <section class="card play-talk" aria-label=${t('play.talk')}>
                <div class="play-log" ref=${log} tabindex="0" role="log" aria-live="polite" aria-busy=${isBusy ? 'true' : 'false'} aria-label=${t('play.talk')}>
                    ${turns.length === 0 && html`<div class="play-empty"><${Empty} icon="playground" title=${t('play.empty')} text=${t('play.empty_text')} /></div>`}
                    ${turns.map((turn, i) => html`<div key=${i} class="turn"><div class="question"><bdi>${turn.question}</bdi></div>
                        <${Answer} answer=${turn.answer} currency=${list.data?.currency} /></div>`)}
                </div>
                <${Prompt} isBusy=${isBusy} isReady=${isReady} prompt=${prompt} setPrompt=${setPrompt} onSend=${send} onStop=${conversation.stop} />
            </section>
        </div>
        <${Card} title=${t('play.curl')}><p class="hint play-hint">${t('play.curl_hint')}</p><${Code} label=${t('play.curl')} text=${curlOf(callOf(fields, model, turns, prompt || (turns.length ? '' : t('play.example'))))} /><//>
    <//>`;
}
