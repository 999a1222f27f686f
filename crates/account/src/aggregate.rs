//! The account as cqrs-es sees it: decide, then write each event to the sink, which applies it.

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::EventUpcaster;

use crate::{Account, AccountEvent, Command, Policy, Refusal};

impl Aggregate for Account {
    const TYPE: &'static str = "account";
    type Command = Command;
    type Event = AccountEvent;
    type Error = Refusal;
    type Services = Policy;

    async fn handle(
        &mut self,
        command: Command,
        policy: &Policy,
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in self.decide(command, policy)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: AccountEvent) {
        self.apply_event(event);
    }
}

/// What brings stored events of earlier versions to the present one, oldest first. Every event is
/// of its first version as yet.
pub fn upcasters() -> Vec<Box<dyn EventUpcaster>> {
    Vec::new()
}
