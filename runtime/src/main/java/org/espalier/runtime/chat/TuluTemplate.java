package org.espalier.runtime.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Recognises the Tülu form in the Jinja template of a file. Templates are programs; this is no
 * interpreter of them, but knows one that it sees, however it is laid out: white space, kinds of
 * quotes and ways to name a field do not matter.
 */
final class TuluTemplate {
  /** Where files keep the template. */
  static final String KEY = "tokenizer.chat_template";

  private static final Pattern TAG = Pattern.compile("\\{([{%#])-?(.*?)(-?)[}%#]}", Pattern.DOTALL);
  private static final Pattern WORD =
      Pattern.compile(
          "'([^'\\\\]*+(?:\\\\.[^'\\\\]*+)*+)'|\"([^\"\\\\]*+(?:\\\\.[^\"\\\\]*+)*+)\"|\\w+|\\S",
          Pattern.DOTALL);

  /** What stands before the loop, if the conversation is opened by a token. */
  private static final List<List<String>> OPENINGS =
      List.of(words("{{ bos_token }}"), words("{{ eos_token }}"), words("{{ '<|endoftext|>' }}"));

  private static final List<String> LOOP =
      words(
          """
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

  /** Longer than any sensible template; a file is untrusted. */
  private static final int LONGEST = 1 << 14;

  private TuluTemplate() {}

  /** The form, if the template is of it. */
  static Optional<ChatForm> recognise(String template) {
    if (template.length() > LONGEST) {
      return Optional.empty();
    }
    List<String> words = words(template);
    if (words.equals(LOOP)) {
      return Optional.of(new TuluForm(false));
    }
    return OPENINGS.stream()
            .anyMatch(opening ->
                words.size() == opening.size() + LOOP.size()
                    && words.subList(0, opening.size()).equals(opening)
                    && words.subList(opening.size(), words.size()).equals(LOOP))
        ? Optional.of(new TuluForm(true))
        : Optional.empty();
  }

  /** A template as the words of its tags, in one spelling, and the texts between them. */
  private static List<String> words(String template) {
    List<String> words = new ArrayList<>();
    Matcher tag = TAG.matcher(template);
    int end = 0;
    boolean trimmed = false;
    boolean block = false;
    while (tag.find()) {
      String between = template.substring(end, tag.start());
      boolean trimsBefore = template.charAt(tag.start() + 2) == '-';
      boolean isBlock = !tag.group(1).equals("{");
      text(between, trimmed, trimsBefore, block, isBlock, words);
      if (!tag.group(1).equals("#")) {
        words.add("{" + tag.group(1));
        tagWords(tag.group(2), words);
        words.add("}");
      }
      trimmed = !tag.group(3).isEmpty();
      block = isBlock;
      end = tag.end();
    }
    text(template.substring(end), trimmed, false, block, false, words);
    return words;
  }

  /**
   * A text between tags. White space is dropped where a tag says so; after a block one newline is,
   * and before a block what indents it, as Hugging Face sets Jinja up.
   */
  private static void text(
      String between,
      boolean trimmedBefore,
      boolean trimmedAfter,
      boolean afterBlock,
      boolean beforeBlock,
      List<String> words) {
    String text = between;
    if (trimmedBefore) {
      text = text.stripLeading();
    } else if (afterBlock && text.startsWith("\n")) {
      text = text.substring(1);
    }
    if (trimmedAfter) {
      text = text.stripTrailing();
    } else if (beforeBlock) {
      int line = text.lastIndexOf('\n') + 1;
      boolean fromLineStart = line > 0 || (afterBlock && between.startsWith("\n"));
      if (fromLineStart && text.substring(line).isBlank()) {
        text = text.substring(0, line);
      }
    }
    if (!text.isEmpty()) {
      words.add("text " + text);
    }
  }

  private static void tagWords(String tag, List<String> words) {
    List<String> own = new ArrayList<>();
    Matcher word = WORD.matcher(tag);
    while (word.find()) {
      String literal = word.group(1) == null ? word.group(2) : word.group(1);
      own.add(literal == null ? word.group() : "'" + literal.replace("\\n", "\n") + "'");
    }
    // message.role is message['role'].
    for (int i = 0; i < own.size(); i++) {
      boolean field =
          i + 2 < own.size() && own.get(i).equals("message") && own.get(i + 1).equals(".");
      if (field) {
        words.addAll(List.of("message", "[", "'" + own.get(i + 2) + "'", "]"));
        i += 2;
      } else {
        words.add(own.get(i));
      }
    }
  }
}
