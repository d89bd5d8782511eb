/**
 * Keeps signals out of TensorFlow.
 *
 * oneDNN up to 3.11, which TensorFlow 2.21 contains, has matrix products that point the stack register into the heap while they run
 * (uxlfoundation/oneDNN#4845). A signal that arrives meanwhile has its frame and its handler's stack written over whatever lies there, and
 * the process aborts soon after ("corrupted size vs. prev_size") or goes on with damaged memory. Any handler will do: Node's sampling
 * profiler, Ctrl-C, a terminal that changes its size. Processors without AVX-512 take those products by default.
 *
 * So signals wait while the addon is inside TensorFlow, and TensorFlow's threads, which inherit the mask of the thread that starts them,
 * never receive any. The linker puts these functions in front of TensorFlow's own (--wrap, see compiler.mjs).
 *
 * Not responsible for: signals that report a fault of the thread itself. Blocking those would hide the fault.
 */
#include <pthread.h>
#include <signal.h>

#include <initializer_list>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/eager/c_api.h"

namespace {

class SignalsWait {
 public:
  SignalsWait() {
    sigset_t signals;
    sigfillset(&signals);
    for (int fault : {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP}) sigdelset(&signals, fault);
    pthread_sigmask(SIG_BLOCK, &signals, &before_);
  }
  ~SignalsWait() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsWait(const SignalsWait &) = delete;
  SignalsWait &operator=(const SignalsWait &) = delete;

 private:
  sigset_t before_;
};

}  // namespace

extern "C" {

decltype(TFE_NewContext) __real_TFE_NewContext;
TFE_Context *__wrap_TFE_NewContext(const TFE_ContextOptions *options, TF_Status *status) {
  SignalsWait wait;
  return __real_TFE_NewContext(options, status);
}

decltype(TFE_Execute) __real_TFE_Execute;
void __wrap_TFE_Execute(TFE_Op *op, TFE_TensorHandle **results, int *result_count, TF_Status *status) {
  SignalsWait wait;
  __real_TFE_Execute(op, results, result_count, status);
}

decltype(TF_LoadSessionFromSavedModel) __real_TF_LoadSessionFromSavedModel;
TF_Session *__wrap_TF_LoadSessionFromSavedModel(const TF_SessionOptions *options, const TF_Buffer *run_options, const char *directory,
                                                const char *const *tags, int tag_count, TF_Graph *graph, TF_Buffer *meta_graph,
                                                TF_Status *status) {
  SignalsWait wait;
  return __real_TF_LoadSessionFromSavedModel(options, run_options, directory, tags, tag_count, graph, meta_graph, status);
}

decltype(TF_SessionRun) __real_TF_SessionRun;
void __wrap_TF_SessionRun(TF_Session *session, const TF_Buffer *run_options, const TF_Output *inputs, TF_Tensor *const *input_values,
                          int input_count, const TF_Output *outputs, TF_Tensor **output_values, int output_count,
                          const TF_Operation *const *targets, int target_count, TF_Buffer *run_metadata, TF_Status *status) {
  SignalsWait wait;
  __real_TF_SessionRun(session, run_options, inputs, input_values, input_count, outputs, output_values, output_count, targets,
                       target_count, run_metadata, status);
}

}  // extern "C"
