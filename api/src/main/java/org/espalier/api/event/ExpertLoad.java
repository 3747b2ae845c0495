package org.espalier.api.event;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/**
 * The experts of one layer served one forward pass; its duration is how long they took, or nothing
 * where a device does not stop to tell. Emitted by backends, which ask {@link #isEnabled()} of one
 * kept for that before they make another.
 */
@Name("org.espalier.ExpertLoad")
@Label("Expert Load")
@Description("The experts of one layer served one forward pass")
@Category("Espalier")
@StackTrace(false)
public final class ExpertLoad extends Event {
  /** Which layer. */
  @Label("Layer")
  public int layer;

  /** Rows of the pass. */
  @Label("Rows")
  public int rows;

  /** How many different experts they went to. */
  @Label("Experts")
  public int experts;

  /** Rows of the expert that had most. */
  @Label("Rows of the Busiest Expert")
  public int busiest;

  /** Bytes that were read from disk, or by a GPU from the host's memory; else 0. */
  @Label("Bytes Moved")
  @DataAmount
  public long moved;

  /** An event that has not begun. */
  public ExpertLoad() {}
}
