package org.espalier.runtime.chat;

import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.espalier.api.Offer;
import org.espalier.api.format.Metadata;
import org.espalier.runtime.tokenizer.Tokenizer;

/**
 * How a conversation is written down for a model. Templates in files are programs in a language of
 * their own (Jinja); the one form known here is recognised by what it writes and not run.
 *
 * <p>The form "tulu", of OLMoE's instruct models: the end-of-text token, then every turn as {@code
 * <|role|>}, a line break and the text. Turns of system and user end in a line break, those of the
 * assistant in the end-of-text token, with a line break where another turn follows. The markers are
 * plain text to the tokenizer.
 */
public enum ChatTemplate {
  /** See above. */
  TULU;

  /** The metadata that hold a model's template. */
  public static final String KEY = "tokenizer.chat_template";

  private static final Pattern MARKER = Pattern.compile("<\\|([a-z_0-9]+)\\|>(\\\\n|\\n)?");
  private static final Set<String> ROLES = Set.of("system", "user", "assistant");

  /** The template of a model. */
  public static Offer<ChatTemplate> of(Metadata metadata) {
    return metadata
        .text(KEY)
        .map(ChatTemplate::recognise)
        .orElseGet(() ->
            Offer.declined(
                "this is a base model, which completes texts: its file has no chat template"));
  }

  private static Offer<ChatTemplate> recognise(String template) {
    return isTulu(template)
        ? Offer.accepted(TULU)
        : Offer.declined(
            "the chat template of this model is of a form that is not known here; known is: tulu");
  }

  /** Whether all markers are those of the form, with a line break after each role. */
  private static boolean isTulu(String template) {
    boolean user = false;
    boolean assistant = false;
    Matcher markers = MARKER.matcher(template);
    while (markers.find()) {
      String name = markers.group(1);
      boolean role = ROLES.contains(name) && markers.group(2) != null;
      if (!role && !name.equals("endoftext")) {
        return false;
      }
      user |= name.equals("user");
      assistant |= name.equals("assistant");
    }
    return user && assistant && !template.contains("[INST]") && template.contains("eos_token");
  }

  /** A template by its name. */
  public static Offer<ChatTemplate> named(String name) {
    return name.equalsIgnoreCase("tulu")
        ? Offer.accepted(TULU)
        : Offer.declined("there is no chat template '" + name + "'; known is: tulu");
  }

  /**
   * The tokens of a conversation, up to where the assistant is to speak. Control tokens in the
   * texts are read as plain text, so that nobody can speak for another.
   */
  public int[] prompt(List<ChatMessage> conversation, Tokenizer tokenizer) {
    IntStream.Builder tokens = IntStream.builder();
    OptionalInt end = tokenizer.endOfText();
    end.ifPresent(tokens::add);
    StringBuilder plain = new StringBuilder();
    for (int i = 0; i < conversation.size(); i++) {
      ChatMessage message = conversation.get(i);
      plain.append(marker(message.role())).append(message.text());
      if (message.role() == ChatMessage.Role.ASSISTANT) {
        flush(plain, tokenizer, tokens);
        end.ifPresent(tokens::add);
      }
      plain.append('\n');
    }
    plain.append(marker(ChatMessage.Role.ASSISTANT));
    flush(plain, tokenizer, tokens);
    return tokens.build().toArray();
  }

  private static String marker(ChatMessage.Role role) {
    return switch (role) {
      case SYSTEM -> "<|system|>\n";
      case USER -> "<|user|>\n";
      case ASSISTANT -> "<|assistant|>\n";
    };
  }

  private static void flush(StringBuilder plain, Tokenizer tokenizer, IntStream.Builder tokens) {
    for (int token : tokenizer.encode(plain.toString(), false)) {
      tokens.add(token);
    }
    plain.setLength(0);
  }
}
