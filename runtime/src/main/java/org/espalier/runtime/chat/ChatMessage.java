package org.espalier.runtime.chat;

/**
 * One turn of a conversation.
 *
 * @param role who speaks
 * @param text what is said
 */
public record ChatMessage(Role role, String text) {

  /** Who speaks. */
  public enum Role {
    /** Whoever sets the scene. */
    SYSTEM,
    /** Whoever asks. */
    USER,
    /** The model. */
    ASSISTANT
  }
}
