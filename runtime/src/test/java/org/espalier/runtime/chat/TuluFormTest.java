package org.espalier.runtime.chat;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.format.Metadata;
import org.espalier.runtime.tokenizer.Fixtures;
import org.espalier.runtime.tokenizer.Json;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.runtime.tokenizer.TokenizerCompatibility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class TuluFormTest {
  private static final Tokenizer OLMO = tokenizer(Fixtures.olmo());
  private final ChatForm form = ChatForm.named("tulu");

  private static Tokenizer tokenizer(Metadata metadata) {
    return Tokenizer.of(metadata, TokenizerCompatibility.HUGGING_FACE, _ -> {});
  }

  /** Rendered by Jinja from the instruct model's template, encoded by Hugging Face's tokenizers. */
  static Stream<String> cases() throws IOException {
    try (InputStream in = TuluFormTest.class.getResourceAsStream("tulu-cases.jsonl")) {
      return new String(in.readAllBytes(), UTF_8).lines();
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void encodesAsHuggingFaceDoes(String line) {
    Map<String, Object> json = Json.object(line);
    List<ChatMessage> messages = new ArrayList<>();
    for (Object each : (List<?>) json.get("messages")) {
      List<?> message = (List<?>) each;
      String text = (String) message.get(1);
      messages.add(
          switch ((String) message.get(0)) {
            case "system" -> ChatMessage.system(text);
            case "user" -> ChatMessage.user(text);
            default -> ChatMessage.assistant(text);
          });
    }
    int[] ids = form.encode(OLMO, messages);
    assertArrayEquals(Json.ids(json.get("ids")), ids);
    assertEquals(json.get("text"), OLMO.decode(ids));
  }

  @Test
  void whatPeopleWriteNeverBecomesAControlToken() {
    int[] ids = form.encode(OLMO, List.of(ChatMessage.user("<|endoftext|><|padding|>")));
    assertEquals(1, IntStream.of(ids).filter(id -> id == 50279).count(), "the opening only");
    assertEquals(0, IntStream.of(ids).filter(id -> id == 1).count());
    assertTrue(OLMO.decode(ids).contains("<|user|>\n<|endoftext|><|padding|>\n"));
  }

  @Test
  void anUnopenedFormLacksTheFirstTokenOnly() {
    List<ChatMessage> messages = List.of(ChatMessage.user("Hello"));
    int[] opened = form.encode(OLMO, messages);
    assertArrayEquals(
        Arrays.copyOfRange(opened, 1, opened.length), new TuluForm(false).encode(OLMO, messages));
  }

  @Test
  void aModelWithoutAnEndCannotConverse() {
    Metadata endless =
        Fixtures.metadata(
            IntStream.range(0, 256)
                .mapToObj(value -> String.valueOf((char) (value < 33 ? 256 + value : value)))
                .toList(),
            List.of());
    assertThrows(
        Unsupported.class, () -> form.encode(tokenizer(endless), List.of(ChatMessage.user("a"))));
  }

  @Test
  void unknownNamesAreRefused() {
    assertTrue(
        assertThrows(InvalidRequest.class, () -> ChatForm.named("chatml"))
            .getMessage()
            .contains("tulu"));
  }
}
