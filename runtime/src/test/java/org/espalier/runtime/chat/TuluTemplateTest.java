package org.espalier.runtime.chat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TuluTemplateTest {
  /** As the instruct model's file has it. */
  private static final String PUBLISHED =
      "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}"
          + "{{ '<|system|>\\n' + message['content'] + '\\n' }}"
          + "{% elif message['role'] == 'user' %}"
          + "{{ '<|user|>\\n' + message['content'] + '\\n' }}"
          + "{% elif message['role'] == 'assistant' %}{% if not loop.last %}"
          + "{{ '<|assistant|>\\n'  + message['content'] + eos_token + '\\n' }}"
          + "{% else %}{{ '<|assistant|>\\n'  + message['content'] + eos_token }}"
          + "{% endif %}{% endif %}{% if loop.last and add_generation_prompt %}"
          + "{{ '<|assistant|>\\n' }}{% endif %}{% endfor %}";

  private static Optional<ChatForm> recognise(String template) {
    return TuluTemplate.recognise(template);
  }

  @Test
  void thePublishedTemplateIsRecognised() {
    assertEquals(Optional.of(new TuluForm(true)), recognise(PUBLISHED));
  }

  @Test
  void otherOpeningsAreTheSameOrNone() {
    assertEquals(
        Optional.of(new TuluForm(true)), recognise(PUBLISHED.replace("bos_token", "eos_token")));
    assertEquals(
        Optional.of(new TuluForm(true)),
        recognise(PUBLISHED.replace("{{ bos_token }}", "{{'<|endoftext|>'}}")));
    assertEquals(
        Optional.of(new TuluForm(false)), recognise(PUBLISHED.replace("{{ bos_token }}", "")));
  }

  @Test
  void layoutDoesNotMatter() {
    String real = PUBLISHED.replace("\\n", "\n");
    assertEquals(Optional.of(new TuluForm(true)), recognise(real), "newlines in literals");
    assertEquals(Optional.of(new TuluForm(true)), recognise(PUBLISHED.replace('\'', '"')));
    assertEquals(
        Optional.of(new TuluForm(true)),
        recognise(
            PUBLISHED
                .replace("message['role']", "message.role")
                .replace("message['content']", "message.content")));
    assertEquals(
        Optional.of(new TuluForm(true)),
        recognise(PUBLISHED.replace("{%", "\n  {%- ").replace("%}", "  -%}\n")));
    assertEquals(
        Optional.of(new TuluForm(true)),
        recognise("{# a remark #}" + PUBLISHED.replace("%}{%", "%}\n    {%")),
        "block tags on lines of their own");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{{ bos_token }}",
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] }}{% endfor %}",
        "{{",
        "'",
        "{% ' %}"
      })
  void othersAreNot(String template) {
    assertEquals(Optional.empty(), recognise(template));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "system",
        "<|user|>",
        "not loop.last",
        "eos_token + ",
        "and add_generation_prompt",
        "message['content'] + "
      })
  void whatDiffersAnywhereIsNot(String part) {
    assertTrue(PUBLISHED.contains(part));
    assertEquals(Optional.empty(), recognise(PUBLISHED.replaceFirst(Pattern.quote(part), "x ")));
    assertEquals(Optional.empty(), recognise(PUBLISHED + "\n!"));
    assertEquals(Optional.empty(), recognise("Be nice. " + PUBLISHED));
    assertEquals(
        Optional.empty(), recognise(PUBLISHED.replace("%}{{ '<|user|>", "%} {{ '<|user|>")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"{{", "{{ '", "{{ '\\n", "{% \"\\\"", "'", "{{}}", "\\"})
  void hostileTemplatesEndSoon(String part) {
    assertEquals(Optional.empty(), recognise(part.repeat((1 << 14) / part.length())));
    assertEquals(Optional.empty(), recognise(part.repeat(1 << 20)));
  }

  @Test
  void filesWithoutOrWithAnotherTemplateAreRefusedWithAHint() {
    assertTrue(
        assertThrows(Unsupported.class, () -> ChatForm.of(Metadata.empty()))
            .getMessage()
            .contains("use completion"));
    Metadata other =
        new Metadata(Map.of(TuluTemplate.KEY, new MetadataValue.Text("{{ messages }}")));
    assertTrue(
        assertThrows(Unsupported.class, () -> ChatForm.of(other))
            .getMessage()
            .contains("--chat-template tulu"));
    Metadata own = new Metadata(Map.of(TuluTemplate.KEY, new MetadataValue.Text(PUBLISHED)));
    assertEquals("tulu", ChatForm.of(own).name());
  }
}
