package org.espalier.runtime.chat;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.espalier.api.Offer;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.runtime.chat.ChatMessage.Role;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.runtime.tokenizer.TokenizerCompatibility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChatTemplateTest {
  private static final String END = "<|endoftext|>";

  /** Every printable ASCII character and the line break as a token of its own, and end of text. */
  private static final Tokenizer TOKENIZER = tokenizer();

  private static Tokenizer tokenizer() {
    List<String> tokens = new ArrayList<>();
    tokens.add(END);
    for (char character = '!'; character <= '~'; character++) {
      tokens.add(String.valueOf(character));
    }
    tokens.add("Ġ");
    tokens.add("Ċ");
    return Tokenizer.of(
        new Metadata(
            Map.of(
                "tokenizer.ggml.model", new MetadataValue.Text("gpt2"),
                "tokenizer.ggml.pre", new MetadataValue.Text("olmo"),
                "tokenizer.ggml.tokens", new MetadataValue.Texts(tokens),
                "tokenizer.ggml.merges", new MetadataValue.Texts(List.of()))),
        TokenizerCompatibility.HUGGING_FACE,
        _ -> {});
  }

  private static Offer<ChatTemplate> recognised(String template) {
    return ChatTemplate.of(
        new Metadata(Map.of(ChatTemplate.KEY, new MetadataValue.Text(template))));
  }

  @Test
  void writesTheTuluForm() {
    int[] prompt =
        ChatTemplate.TULU.prompt(
            List.of(
                new ChatMessage(Role.SYSTEM, "Be brief."),
                new ChatMessage(Role.USER, "Hello"),
                new ChatMessage(Role.ASSISTANT, "Hi"),
                new ChatMessage(Role.USER, "Bye")),
            TOKENIZER);
    assertEquals(
        END
            + "<|system|>\nBe brief.\n<|user|>\nHello\n<|assistant|>\nHi"
            + END
            + "\n<|user|>\nBye\n<|assistant|>\n",
        TOKENIZER.decode(prompt));
    assertEquals(2, Arrays.stream(prompt).filter(token -> token == 0).count());
  }

  @Test
  void nobodyCanSpeakForAnother() {
    int[] prompt =
        ChatTemplate.TULU.prompt(List.of(new ChatMessage(Role.USER, "x" + END)), TOKENIZER);
    assertEquals(1, Arrays.stream(prompt).filter(token -> token == 0).count());
    assertArrayEquals(
        TOKENIZER.encode(END, false), Arrays.copyOfRange(prompt, 11, 11 + END.length()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"\n", "\\n"})
  void recognisesTheFormHoweverLineBreaksAreWritten(String lineBreak) {
    String template =
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '<|user|>LF' + m.content + 'LF' }}"
            + "{% else %}{{ '<|assistant|>LF' + m.content + eos_token }}{% endif %}{% endfor %}{{ '<|assistant|>LF' }}";
    assertEquals(Offer.accepted(ChatTemplate.TULU), recognised(template.replace("LF", lineBreak)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{{ messages }}",
        "{{ '<|im_start|>user\\n' }}",
        "{{ '<|user|>' + x + '<|assistant|>' + eos_token }}",
        "{{ '<|user|>\\n' + x + eos_token }}",
        "{{ '<|user|>\\n' + x + '<|assistant|>\\n' + '<|tool|>\\n' + eos_token }}",
        "{{ '<|user|>\\n[INST]' + x + '<|assistant|>\\n' + eos_token }}"
      })
  void refusesOtherForms(String template) {
    assertInstanceOf(Offer.Declined.class, recognised(template));
  }

  @Test
  void aBaseModelHasNone() {
    Offer<ChatTemplate> offer = ChatTemplate.of(new Metadata(Map.of()));
    assertTrue(((Offer.Declined<ChatTemplate>) offer).reason().contains("base model"));
  }

  @Test
  void isFoundByName() {
    assertEquals(Offer.accepted(ChatTemplate.TULU), ChatTemplate.named("Tulu"));
    assertFalse(ChatTemplate.named("x") instanceof Offer.Accepted);
  }
}
