package org.espalier.runtime.event;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** A token was drawn; the duration includes the forward pass that led to it. */
@Name("org.espalier.Token")
@Label("Token")
@Description("A token was drawn, after a forward pass of the one before it")
@Category("Espalier")
@StackTrace(false)
public final class TokenDrawn extends Event {
  /** Its id. */
  @Label("Token")
  public int token;

  /** Where in its text it stands. */
  @Label("Position")
  public int position;

  /** The part of the duration that drawing took. */
  @Label("Sampling Time")
  @Timespan
  public long sampling;

  /** An event that has not begun. */
  public TokenDrawn() {}
}
