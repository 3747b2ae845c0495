package org.espalier.runtime.chat;

/**
 * One turn of a conversation.
 *
 * @param author who speaks
 * @param text what is said
 */
public record ChatMessage(Author author, String text) {

  /** Who can speak. */
  public enum Author {
    /** Sets the scene, before all others. */
    SYSTEM,
    /** Asks. */
    USER,
    /** Answers: the model. */
    ASSISTANT
  }

  /** What sets the scene. */
  public static ChatMessage system(String text) {
    return new ChatMessage(Author.SYSTEM, text);
  }

  /** A question. */
  public static ChatMessage user(String text) {
    return new ChatMessage(Author.USER, text);
  }

  /** An answer. */
  public static ChatMessage assistant(String text) {
    return new ChatMessage(Author.ASSISTANT, text);
  }
}
