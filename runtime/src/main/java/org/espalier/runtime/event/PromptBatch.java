package org.espalier.runtime.event;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** Tokens of a prompt went through the model together. */
@Name("org.espalier.PromptBatch")
@Label("Prompt Batch")
@Description("Tokens of a prompt went through the model together")
@Category("Espalier")
@StackTrace(false)
public final class PromptBatch extends Event {
  /** How many. */
  @Label("Tokens")
  public int tokens;

  /** Position of the first. */
  @Label("Position")
  public int position;

  /** An event that has not begun. */
  public PromptBatch() {}
}
