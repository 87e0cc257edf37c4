// Calls of the data plane, streamed, in each of three dialects: what is sent, what
// comes back, and the curl line that does the same. All text is text to us.
// SPDX-License-Identifier: Apache-2.0
import { ApiError } from './api.js';
import { quoted } from './format.js';

export const DIALECTS = { chat: '/v1/chat/completions', messages: '/v1/messages', responses: '/v1/responses' };
const MESSAGES_MAX_TOKENS = 1024; // a must there

// call: {dialect, model, system, messages: [{role, content}], max_tokens, temperature, top_p, stream}
export function bodyOf({ dialect, model, system, messages, max_tokens, temperature, top_p, stream }) {
    const body = { model };
    if (dialect === 'chat') {
        body.messages = system ? [{ role: 'system', content: system }, ...messages] : messages;
        if (stream) body.stream_options = { include_usage: true };
        if (max_tokens) body.max_tokens = max_tokens;
    } else if (dialect === 'messages') {
        if (system) body.system = system;
        body.messages = messages;
        body.max_tokens = max_tokens || MESSAGES_MAX_TOKENS;
    } else {
        if (system) body.instructions = system;
        body.input = messages;
        if (max_tokens) body.max_output_tokens = max_tokens;
    }
    if (temperature !== undefined) body.temperature = temperature;
    if (top_p !== undefined) body.top_p = top_p;
    if (stream) body.stream = true;
    return body;
}

export function curlOf(call) {
    return [`curl ${call.stream ? '-N ' : ''}${location.origin}${DIALECTS[call.dialect]}`,
        '  -H "Authorization: Bearer $AIGW_KEY"', '  -H "Content-Type: application/json"',
        `  -d ${quoted(JSON.stringify(bodyOf(call), null, 1))}`].join(' \\\n');
}

const numbers = (usage, input, output) => usage && { input: usage[input], output: usage[output] };

// A part of a call of a tool: {at: which one, name, text: of its arguments}
const tool = (at, name, text) => ({ at, name: name ?? '', text: typeof text === 'object' ? JSON.stringify(text) : text ?? '' });
const wholeTools = (all, type, member) => all?.flatMap((one, at) => (one.type === type ? [tool(at, one.name, one[member])] : []));

// An event's {text, reasoning, tools, usage, finish, error}; of what it does not know nothing.
const readers = {
    chat(data) {
        const choice = data.choices?.[0];
        const delta = choice?.delta ?? choice?.message;
        const tools = delta?.tool_calls?.map((one, i) => tool(one.index ?? i, one.function?.name, one.function?.arguments));
        return { tools, text: delta?.content, reasoning: delta?.reasoning_content ?? delta?.reasoning, finish: choice?.finish_reason,
            usage: numbers(data.usage, 'prompt_tokens', 'completion_tokens'), error: data.error };
    },
    messages(data) {
        const part = (type, member) => data.content?.filter((one) => one.type === type).map((one) => one[member]).join('');
        const begun = data.content_block;
        const tools = begun?.type === 'tool_use' ? [tool(data.index, begun.name)]
            : data.delta?.type === 'input_json_delta' ? [tool(data.index, '', data.delta.partial_json)] : wholeTools(data.content, 'tool_use', 'input');
        return { tools, text: data.delta?.text ?? part('text', 'text'), reasoning: data.delta?.thinking ?? part('thinking', 'thinking'),
            finish: data.delta?.stop_reason ?? data.stop_reason, error: data.error,
            usage: numbers(data.usage ?? data.message?.usage, 'input_tokens', 'output_tokens') };
    },
    responses(data) {
        const kind = data.type ?? '';
        const whole = data.output?.flatMap((one) => one.content ?? []).map((one) => one.text ?? '').join('');
        const tools = kind === 'response.output_item.added' && data.item?.type === 'function_call' ? [tool(data.output_index, data.item.name)]
            : kind === 'response.function_call_arguments.delta' ? [tool(data.output_index, '', data.delta)] : wholeTools(data.output, 'function_call', 'arguments');
        return { tools, text: kind === 'response.output_text.delta' ? data.delta : whole,
            reasoning: /^response\.reasoning\w*\.delta$/.test(kind) ? data.delta : undefined,
            usage: numbers(data.response?.usage ?? data.usage, 'input_tokens', 'output_tokens'), finish: data.response?.status ?? data.status,
            error: data.error ?? data.response?.error };
    },
};

async function* eventsOf(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        const lines = (rest + value).split('\n');
        rest = lines.pop();
        for (const line of lines)
            if (line.startsWith('data:') && line.slice(5).trim() !== '[DONE]') yield line.slice(5);
    }
}

function failure(answer, text) {
    let error = { message: text.slice(0, 2000) };
    try {
        error = JSON.parse(text).error ?? error;
    } catch {
        return new ApiError(answer.status, error); // no JSON: as it is
    }
    return new ApiError(answer.status, error);
}

/*
 * await stream(call, key, {signal, onEvent}): onEvent gets {text, reasoning, tools,
 * usage, finish} as they come. Resolves to {requestId, provider, cost, firstMs, totalMs}.
 */
export async function stream(call, key, { signal, onEvent, headers } = {}) {
    const started = performance.now();
    const answer = await fetch(DIALECTS[call.dialect], {
        method: 'POST', signal, credentials: 'omit', cache: 'no-store', redirect: 'error',
        headers: { ...headers, 'content-type': 'application/json', authorization: `Bearer ${key}` },
        body: JSON.stringify(bodyOf(call)),
    });
    const result = { requestId: answer.headers.get('x-request-id'), provider: answer.headers.get('x-aigw-provider') };
    onEvent(result);
    if (!answer.ok) throw Object.assign(failure(answer, await answer.text()), result);
    const take = (data) => {
        const read = readers[call.dialect](data);
        if (read.error) throw Object.assign(new ApiError(answer.status, read.error), result);
        if (result.firstMs === undefined && (read.text || read.reasoning)) result.firstMs = performance.now() - started;
        onEvent(read);
    };
    if (answer.headers.get('content-type')?.startsWith('text/event-stream')) {
        for await (const line of eventsOf(answer.body)) {
            let data;
            try {
                data = JSON.parse(line);
            } catch {
                continue; // a provider's own line: none of the API
            }
            take(data);
        }
    } else {
        take(await answer.json());
    }
    return { ...result, totalMs: performance.now() - started };
}
