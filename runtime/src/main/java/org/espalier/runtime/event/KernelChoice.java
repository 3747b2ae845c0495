package org.espalier.runtime.event;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.espalier.api.backend.Binding;
import org.espalier.api.backend.Executable;

/** A kernel was chosen for an operator. */
@Name("org.espalier.KernelChoice")
@Label("Kernel Choice")
@Description("A kernel was chosen for an operator, when a model was opened")
@Category("Espalier")
@StackTrace(false)
public final class KernelChoice extends Event {
  /** Which operator. */
  @Label("Operator")
  public String operator = "";

  /** Who runs it. */
  @Label("Kernel")
  public String kernel = "";

  /** What it has shown in a self-test. */
  @Label("Reason")
  public String reason = "";

  /** Who was preferred and declined, with reasons. */
  @Label("Declined")
  public String declined = "";

  private KernelChoice() {}

  /** Emits an event for each operator of a compiled plan, once self-tests are over. */
  public static void report(Executable compiled) {
    if (!new KernelChoice().isEnabled()) {
      return;
    }
    for (Binding binding : compiled.bindings()) {
      KernelChoice choice = new KernelChoice();
      choice.operator = binding.operator().toString();
      choice.kernel = binding.kernel();
      choice.reason = binding.reason();
      choice.declined = String.join("; ", binding.declined());
      choice.commit();
    }
  }
}
