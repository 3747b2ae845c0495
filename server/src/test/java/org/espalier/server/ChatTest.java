package org.espalier.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.server.Client.Answer;
import org.espalier.server.model.FakeModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Conversations. */
class ChatTest extends RunningServer {
  private static final String CONVERSATION =
      "{\"messages\": [{\"role\": \"system\", \"content\": \"S\"}, {\"role\": \"user\", \"content\":"
          + " [{\"type\": \"text\", \"text\": \"Hi\"}]}], \"max_tokens\": 6, \"logprobs\": true,"
          + " \"top_logprobs\": 2, "
          + GREEDY;

  private List<Integer> conversation() {
    List<Integer> prompt = new ArrayList<>(List.of(FakeModel.END));
    Tokenizer tokenizer = fake.tokenizer();
    for (int token : tokenizer.encode("<|system|>\nS\n<|user|>\nHi\n<|assistant|>\n", false)) {
      prompt.add(token);
    }
    return prompt;
  }

  @Test
  void aBaseModelDoesNotChat() {
    Answer answer =
        client.post(
            "/v1/chat/completions", "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}");
    assertEquals(400, answer.status());
    assertTrue(answer.error().contains("base model"), answer.error());
    assertTrue(answer.error().contains("--chat-template"), answer.error());
  }

  @Test
  void chatsWhereATemplateIsGiven() {
    start(options(Optional.empty(), 4, 100, Optional.of("tulu")));
    Answer answer = client.post("/v1/chat/completions", CONVERSATION + ", \"n\": 2}");
    List<Integer> expected = continuation(conversation(), 6);
    for (int i = 0; i < 2; i++) {
      JsonNode message = choice(answer, i).path("message");
      assertEquals("assistant", message.path("role").stringValue());
      assertEquals(text(expected), message.path("content").stringValue());
      JsonNode logprobs = choice(answer, i).path("logprobs").path("content");
      assertEquals(6, logprobs.size());
      assertEquals(2, logprobs.path(0).path("top_logprobs").size());
      assertEquals(
          fake.tokenizer().bytes(expected.getFirst())[0] & 0xFF,
          logprobs.path(0).path("bytes").path(0).intValue());
    }
    assertEquals("chat.completion", answer.json().path("object").stringValue());
    assertEquals(
        conversation().size(), answer.json().path("usage").path("prompt_tokens").intValue());
  }

  @Test
  void streamsAChatAsClientsExpectIt() {
    close();
    fake =
        new FakeModel(CONTEXT)
            .with(
                "tokenizer.chat_template",
                """
                {{ bos_token }}
                {%- for message in messages -%}
                {%- if message['role'] == 'system' -%}
                {{- '<|system|>\\n' + message['content'] + '\\n' -}}
                {%- elif message['role'] == 'user' -%}
                {{- '<|user|>\\n' + message['content'] + '\\n' -}}
                {%- elif message['role'] == 'assistant' -%}
                {%- if not loop.last -%}
                {{- '<|assistant|>\\n' + message['content'] + eos_token + '\\n' -}}
                {%- else -%}
                {{- '<|assistant|>\\n' + message['content'] + eos_token -}}
                {%- endif -%}
                {%- endif -%}
                {%- if loop.last and add_generation_prompt -%}
                {{- '<|assistant|>\\n' -}}
                {%- endif -%}
                {%- endfor -%}\
                """);
    start(options(Optional.empty(), 4, 100, Optional.empty()));
    List<ObjectNode> events =
        client.post("/v1/chat/completions", CONVERSATION + ", \"stream\": true}").events();
    JsonNode first = events.getFirst().path("choices").path(0);
    assertEquals("assistant", first.path("delta").path("role").stringValue());
    JsonNode last = events.getLast().path("choices").path(0);
    assertTrue(last.path("delta").isEmpty());
    assertEquals("length", last.path("finish_reason").stringValue());
    String text =
        events.stream()
            .map(event -> event.path("choices").path(0).path("delta").path("content").asString(""))
            .collect(Collectors.joining());
    assertEquals(text(continuation(conversation(), 6)), text);
    assertEquals("chat.completion.chunk", events.getFirst().path("object").stringValue());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{} | 'messages' must be an array",
        "{\"messages\": []} | 'messages' must be an array",
        "{\"messages\": [5]} | must be an object",
        "{\"messages\": [{}]} | no 'role'",
        "{\"messages\": [{\"role\": \"tool\"}]} | the role 'tool'",
        "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"image_url\"}]}]} | must be text",
        "{\"messages\": [{\"role\": \"user\"}], \"tools\": [{}]} | 'tools' is not supported",
        "{\"messages\": [{\"role\": \"user\"}], \"response_format\": {\"type\": \"json_object\"}} | plain text",
        "{\"messages\": [{\"role\": \"user\"}], \"top_logprobs\": 2} | needs 'logprobs'",
      })
  void wrongChatsGetASentence(String body, String sentence) {
    start(options(Optional.empty(), 4, 100, Optional.of("tulu")));
    Answer answer = client.post("/v1/chat/completions", body);
    assertEquals(400, answer.status(), answer.body());
    assertTrue(answer.error().contains(sentence), answer.error());
  }
}
